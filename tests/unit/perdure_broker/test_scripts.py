"""The Lua files: complete, headed, flagged for full memory, in step with the port."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from perdure_broker import scripts
from perdure_broker.port import DRAIN_WINDOW_MS, WINDOW_MAX, WINDOW_MIN

LUA = files("perdure_broker") / "lua"


def test_every_file_is_loaded_and_no_other() -> None:
    names = {path.name.removesuffix(".lua") for path in LUA.iterdir() if path.name.endswith(".lua")}
    assert {script.name for script in scripts.ALL} == names


def test_fragments_are_put_in() -> None:
    for script in scripts.ALL:
        text = script.source.decode()
        assert not re.search(r"^-- include:", text, re.MULTILINE), script.name
        assert hashlib.sha1(script.source).hexdigest().encode() == script.digest
    assert b"local function claim_and_add" in scripts.PUBLISH.source


def test_every_script_names_its_keys_and_says_what_it_does() -> None:
    """A script must declare all keys, or it cannot run on a cluster; the first line tells the server so."""
    for script in scripts.ALL:
        lines = script.source.decode().splitlines()
        assert re.fullmatch(r"#!lua( flags=allow-oom)?", lines[0]), script.name
        assert lines[1].startswith("-- "), script.name
        assert any(line.startswith("-- KEYS: ") for line in lines), script.name


def test_what_frees_memory_runs_when_memory_is_full_and_what_takes_it_does_not() -> None:
    allowed = {script.name for script in scripts.ALL if script.source.startswith(b"#!lua flags=allow-oom")}
    assert {script.name for script in scripts.ALL} - allowed == {"publish", "publish_backlog", "publish_query", "admit"}


def test_the_window_of_the_scripts_is_the_ports() -> None:
    text = scripts.PUBLISH.source.decode()
    assert f"local WINDOW_MIN, WINDOW_MAX = {WINDOW_MIN}, {WINDOW_MAX}\n" in text
    assert f"local DRAIN_WINDOW_MS = {DRAIN_WINDOW_MS}\n" in text


def test_calls_are_packed() -> None:
    packed = scripts.FINISH.call((b"k1", b"k2", b"k3"), (1, "a", b"b"))
    assert packed.startswith(b"*9\r\n$7\r\nEVALSHA\r\n$40\r\n" + scripts.FINISH.digest + b"\r\n$1\r\n3\r\n")
    assert packed.endswith(b"$1\r\n1\r\n$1\r\na\r\n$1\r\nb\r\n")
