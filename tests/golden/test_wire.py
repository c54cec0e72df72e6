"""Bytes of every version are read by this one, and this one writes none that earlier versions would misread."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

import perdure.protocol
from perdure.protocol.codec import CODEC_VERSION, unpack
from tests.golden import shelf
from tests.golden.shelf import Recorded
from tests.golden.wire import agrees, meaning, read, written

NOT_SENT_ALONE = {
    "Envelope": "a name for what `decode_envelope` returns",
    "SentRequest": "a request with its number",
    "SentFrontendRequest": "a request with its number",
    "HistoryEvent": "a record with its number; the records are all here",
}
"""Messages without a sample of their own, and why."""


@pytest.mark.parametrize("entry", shelf.recorded(), ids=lambda entry: f"{entry.revision} {entry.name}")
def test_what_was_written_once_is_read_for_ever(entry: Recorded) -> None:
    found = meaning(read(entry.name, entry.data))
    assert agrees(entry.meaning, found), f"{entry.name} meant {entry.meaning}, and is read as {found}"


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, data, _ in written()], ids=[w[0] for w in written()])
def test_nothing_is_written_otherwise_than_recorded(name: str, data: bytes) -> None:
    latest = shelf.latest().get(name)
    assert latest is not None, f"{name} is new: record it with `python -m tests.golden.record`"
    assert data == latest.data, (
        f"{name} is written otherwise than recorded. If a field was appended with a default, earlier versions still "
        "read it: record that with `python -m tests.golden.record`. Anything else needs a new CODEC_VERSION, which "
        "engines write only when all of them read it, and a reader of the old one."
    )


def _extends(new: Any, old: Any) -> bool:
    """Whether who reads `old` also reads `new`: the same values, and further fields behind them."""
    if type(new) is tuple and type(old) is tuple:
        return len(new) >= len(old) and all(map(_extends, new, old))
    if type(new) is dict and type(old) is dict:
        return new.keys() == old.keys() and all(_extends(new[key], old[key]) for key in old)
    return type(new) is type(old) and bool(new == old)


@pytest.mark.parametrize("codec_version", range(1, CODEC_VERSION + 1))
def test_within_a_codec_version_fields_are_only_appended(codec_version: int) -> None:
    """So that two versions of the engine, or an older worker, understand each other during an upgrade."""
    before: dict[str, Recorded] = {}
    for entry in shelf.recorded():
        if entry.revision[0] == codec_version:
            known = before.get(entry.name)
            assert known is None or _extends(unpack(entry.data), unpack(known.data)), (
                f"{entry.name} of revision {entry.revision} is not read by those who know {known and known.revision}"
            )
            before[entry.name] = entry


@pytest.mark.parametrize(
    ("new", "old", "reads"),
    [
        ((1, (2, "a"), 3), (1, (2,)), True),
        ((1,), (1, 2), False),
        ((2, 1), (1, 2), False),
        ((1, b"a"), (1, "a"), False),
        ((1, True), (1, 1), False),
    ],
)
def test_what_extends_what(new: Any, old: Any, reads: bool) -> None:
    assert _extends(new, old) is reads


def _names(value: Any) -> set[str]:
    """The classes that occur in a meaning."""
    if isinstance(value, dict):
        own = {value[""]} if "" in value else set()
        return own.union(*(_names(item) for item in value.values()))
    return set().union(*(_names(item) for item in value)) if isinstance(value, list) else set()


def test_every_message_of_the_protocol_is_recorded() -> None:
    messages = set()
    for module_info in iter_modules(perdure.protocol.__path__):
        module = import_module(f"perdure.protocol.{module_info.name}")
        for name, value in inspect.getmembers(module, inspect.isclass):
            if value.__module__ == module.__name__ and hasattr(value, "_fields") and not name.startswith("_"):
                messages.add(name)
    assert len(messages) > 60
    without = messages - set().union(*(_names(meant) for _, _, meant in written()))
    assert without == NOT_SENT_ALONE.keys(), "say in tests/golden/wire.py how it is written and read, then record it"
