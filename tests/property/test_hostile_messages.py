"""Messages that were valid once: what was made of them decodes or is a `DecodeError`, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.commands import COMMANDS, StartTimer
from perdure.protocol.events import EVENTS, HistoryEvent, decode_records, encode_records
from perdure.protocol.frontend import (
    FRONTEND_REQUESTS,
    decode_frontend_envelope,
    decode_frontend_request,
    encode_frontend_envelope,
    numbered_frontend_request,
)
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads
from perdure.protocol.replies import (
    CancelActivity,
    Description,
    ErrorReply,
    HistoryPage,
    Outcome,
    Started,
    decode_cancel_activity,
    decode_description,
    decode_error,
    decode_history_page,
    decode_outcome,
    decode_replies,
    decode_started,
    encode_replies,
)
from perdure.protocol.requests import (
    REQUESTS,
    RespondWorkflowTaskCompleted,
    decode_envelope,
    decode_request,
    encode_envelope,
    numbered_request,
)
from perdure.protocol.tasks import TASKS, decode_task, encode_task
from perdure_engine.core.snapshot import decode_snapshot, encode_snapshot
from tests.property.hostile_values import DEEP, nested, spoiled_bytes
from tests.property.messages import integers, messages
from tests.unit.perdure_engine.core.runs import activity_command, report_started, running, signal

SECONDS_MAX = 1.0
"""For one message of up to a megabyte; a few milliseconds are usual."""


def _any_of(*classes: type[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*(messages(cls) for cls in classes))


def _on_the_wire(request: Any) -> Any:
    if isinstance(request, RespondWorkflowTaskCompleted):
        numbered: Any = tuple(COMMANDS.numbered(command) for command in request.commands)
        return request._replace(commands=numbered)
    return request


def _envelope(request: Any) -> bytes:
    return encode_envelope(1, "sender", [numbered_request(1, _on_the_wire(request))])


def _frontend_envelope(request: Any) -> bytes:
    return encode_frontend_envelope("sender", [numbered_frontend_request(1, request)])


def _read_envelope(data: bytes) -> Any:
    _, _, rows = decode_envelope(data)
    return [_each(decode_request, row) for row in rows]


def _read_frontend(data: bytes) -> Any:
    _, rows = decode_frontend_envelope(data)
    return [_each(decode_frontend_request, row) for row in rows]


def _each(decode: Callable[[Any], Any], row: Any) -> Any:
    """One malformed request is refused by itself, and kept as it was sent."""
    try:
        return decode(row)
    except DecodeError:
        return pack(row)


_BODIES: list[tuple[type[Any], Callable[[Any], Any]]] = [
    (Started, decode_started),
    (Outcome, decode_outcome),
    (ErrorReply, decode_error),
    (Description, decode_description),
    (HistoryPage, decode_history_page),
    (CancelActivity, decode_cancel_activity),
]


def _read_replies(data: bytes) -> Any:
    return [_each(decode, body) for _, _, body in decode_replies(data) for _, decode in _BODIES]


def _snapshot(signals: int) -> bytes:
    """Of a run with an activity that is running, a timer, and a workflow task."""
    run = running(activity_command(), StartTimer("t", 60_000))
    report_started(run)
    for number in range(signals):
        signal(run, f"signal-{number}")
    return encode_snapshot(run.state)


def _records(event: tuple[int, Any]) -> bytes:
    return encode_records([HistoryEvent(1, 2, *event)])


FAMILIES: dict[str, tuple[st.SearchStrategy[bytes], Callable[[bytes], Any]]] = {
    "requests": (_any_of(*REQUESTS.kind_of).map(_envelope), _read_envelope),
    "frontend requests": (_any_of(*FRONTEND_REQUESTS.kind_of).map(_frontend_envelope), _read_frontend),
    "tasks": (_any_of(*TASKS.kind_of).map(encode_task), decode_task),
    "history": (
        st.one_of(*(st.tuples(st.just(kind), messages(cls)) for cls, kind in EVENTS.kind_of.items())).map(_records),
        decode_records,
    ),
    "replies": (
        st.tuples(integers, integers, _any_of(*(cls for cls, _ in _BODIES))).map(lambda row: encode_replies([row])),
        _read_replies,
    ),
    "payloads": (
        st.lists(
            st.builds(Payload, st.dictionaries(st.text("ab", min_size=1), st.binary()), st.binary()), min_size=1
        ).map(pack_payloads),
        unpack_payloads,
    ),
    "snapshots": (st.integers(0, 2).map(_snapshot), decode_snapshot),
}


def _refusal_of(decode: Callable[[bytes], Any], data: bytes) -> str:
    """What it was refused with, or empty. Any other exception fails the test."""
    try:
        decode(data)
    except DecodeError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_was_made_of_a_message_decodes_or_is_refused(family: str, data: st.DataObject) -> None:
    valid, decode = FAMILIES[family]
    spoiled = data.draw(spoiled_bytes(data.draw(valid)))
    began = time.perf_counter()
    refusal = _refusal_of(decode, spoiled)
    assert time.perf_counter() - began < SECONDS_MAX
    assert len(refusal) < 1_000, "an error that is stored and shown must not quote a whole message"


@pytest.mark.parametrize("levels", DEEP)
def test_a_version_or_number_of_any_depth_is_refused(levels: int) -> None:
    """`repr` of it would raise RecursionError, in the midst of the engine's loop."""
    deep = nested(levels)
    for decode in (decode_envelope, decode_frontend_envelope, decode_task, decode_records, decode_snapshot):
        for shape in ([deep, 1, "s", []], [deep, "s", []], [deep, []], [deep, 1, []]):
            with pytest.raises(DecodeError):
                decode(pack(shape))
    for read in (decode_request, decode_frontend_request):
        with pytest.raises(DecodeError, match="unknown"):
            read(unpack(pack((1, deep, ()))))


def test_lengths_that_lie_cost_no_memory() -> None:
    """Each of a thousand nested arrays claims as many elements as the message has bytes."""
    size = 1_000_000
    headers = b"".join(b"\xdd" + (size - 10).to_bytes(4, "big") for _ in range(1_000))
    bomb = headers + b"\xc0" * (size - len(headers))
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            unpack(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * 1024 * 1024


def test_twice_the_same_key_is_read_as_one() -> None:
    """As JSON does: the last one counts, and nothing breaks."""
    twice = b"\x82\xa1a\x01\xa1a\x02"
    assert unpack(twice) == {"a": 2}
