"""The commands for what lives above the SDK: their options, and what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.cli import servers
from perdure.exceptions import RequestError
from perdure.extensions import ExtensionMissing
from tests.unit.perdure.cli.terminal import Terminal

Extend = Callable[[str, Callable[..., Any]], None]


@pytest.fixture
def extend(monkeypatch: pytest.MonkeyPatch) -> Extend:
    def with_extension(name: str, function: Callable[..., Any]) -> None:
        monkeypatch.setattr(servers, "load_extension", {name: function}.__getitem__)

    return with_extension


def test_dev_says_where_it_listens(terminal: Terminal, extend: Extend, tmp_path: Path) -> None:
    def run_dev(data_dir: Path, port: int, *, on_step: Callable[[str], None], on_ready: Callable[[str], None]) -> None:
        on_step("Starting ...")
        on_ready(f"127.0.0.1:{port}")

    extend("dev", run_dev)
    result = terminal.run("dev", "--data-dir", str(tmp_path), "--port", "7500")
    assert result.exit_code == 0
    assert "Perdure is ready at 127.0.0.1:7500" in result.stdout
    assert "perdure workflow list --address 127.0.0.1:7500" in result.stdout
    assert result.stderr == "Starting ...\n"
    as_json = terminal.run("dev", "--data-dir", str(tmp_path), "--json")
    assert json.loads(as_json.stdout) == {"address": "127.0.0.1:7419", "data_dir": str(tmp_path)}
    assert as_json.stderr == ""


def test_engine_takes_its_servers_from_options_or_the_environment(
    terminal: Terminal, extend: Extend, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def run_engine(dsn: str, url: str, *, visibility_timeout: timedelta, on_ready: Callable[[str], None]) -> None:
        seen.append((dsn, url, visibility_timeout))
        on_ready("redis://r")

    extend("engine", run_engine)
    result = terminal.run("engine", "--postgres", "postgresql://p", "--redis", "r", "--visibility-timeout", "2s")
    assert "the cluster's address is redis://r" in result.stdout
    monkeypatch.setenv("PERDURE_POSTGRES_DSN", "postgresql://e")
    monkeypatch.setenv("PERDURE_REDIS_URL", "e")
    assert terminal.json("engine") == {"address": "redis://r"}
    assert seen == [
        ("postgresql://p", "r", timedelta(seconds=2)),
        ("postgresql://e", "e", timedelta(seconds=30)),
    ]


def test_a_server_that_is_away_ends_the_engine_with_a_message(terminal: Terminal, extend: Extend) -> None:
    def run_engine(*_: Any, **__: Any) -> None:
        raise RequestError("Postgres at p does not answer")

    extend("engine", run_engine)
    result = terminal.run("engine", "--postgres", "p", "--redis", "r")
    assert (result.exit_code, result.stderr) == (1, "Error: Postgres at p does not answer\n")


def test_an_engine_needs_both_servers(terminal: Terminal) -> None:
    result = terminal.run("engine", "--redis", "r")
    assert result.exit_code == 2
    assert "--postgres" in result.stderr
    assert "PERDURE_POSTGRES_DSN" in result.stderr


def test_migrate_tells_its_steps(terminal: Terminal, extend: Extend) -> None:
    steps = [["create shards"], []]
    extend("migrate", lambda dsn, shards, *, finish: (steps.pop(0), []))
    assert "create shards" in terminal.run("db", "migrate", "--postgres", "p").stdout
    assert terminal.run("db", "migrate", "--postgres", "p").stdout == "The database was up to date.\n"
    extend("migrate", lambda dsn, shards, *, finish: ([f"{shards} shards"], ["later"]))
    told = terminal.json("db", "migrate", "--postgres", "p", "--shards", "4")
    assert told == {"steps": ["4 shards"], "waiting": ["later"]}


def test_migrate_says_what_is_left_to_finish(terminal: Terminal, extend: Extend) -> None:
    extend("migrate", lambda dsn, shards, *, finish: ([], [] if finish else ["drop column"]))
    told = terminal.run("db", "migrate", "--postgres", "p").stdout
    assert "with --finish" in told
    assert "  drop column\n" in told
    assert terminal.run("db", "migrate", "--postgres", "p", "--finish").stdout == "The database was up to date.\n"


def test_demo_passes_its_status_on(terminal: Terminal, extend: Extend) -> None:
    extend("demo", lambda *, runs, json_output: 0 if (runs, json_output) == (5, True) else 3)
    assert terminal.run("demo", "--runs", "5", "--json").exit_code == 0
    assert terminal.run("demo").exit_code == 3


def test_what_is_not_installed_says_which_extra(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ExtensionMissing(name, "the extension")

    monkeypatch.setattr(servers, "load_extension", absent)
    result = terminal.run("dev")
    assert result.exit_code == 1
    assert "pip install 'perdure[dev]'" in result.stderr
