"""Every message survives the wire, and whatever else comes over it is a `DecodeError` and nothing worse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings, strategies as st

from perdure.protocol.codec import DecodeError, Registry, pack, unpack
from perdure.protocol.commands import COMMANDS, decode_commands
from perdure.protocol.events import EVENTS, HistoryEvent, decode_events, decode_records, encode_records
from perdure.protocol.failure import Failure, decode_failure
from perdure.protocol.frontend import (
    FRONTEND_REQUESTS,
    ClusterDescription,
    DeadLetter,
    DeadLetterPage,
    ExecutionCount,
    ExecutionPage,
    decode_cluster_description,
    decode_dead_letter,
    decode_dead_letter_page,
    decode_execution_count,
    decode_execution_page,
    decode_frontend_envelope,
    decode_frontend_request,
)
from perdure.protocol.operations import NamespaceList, decode_namespace_list
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads
from perdure.protocol.replies import (
    ActivityDirective,
    CancelActivity,
    Description,
    ErrorReply,
    HistoryPage,
    Outcome,
    QueryAnswer,
    Started,
    decode_activity_directive,
    decode_cancel_activity,
    decode_description,
    decode_error,
    decode_history_page,
    decode_outcome,
    decode_query_answer,
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
from perdure.protocol.retry import RetryPolicyData, decode_retry_policy
from perdure.protocol.tasks import TASKS, decode_task, encode_task
from perdure_engine.core.snapshot import decode_snapshot
from tests.property.messages import integers, messages, text

FAMILIES: list[Registry] = [EVENTS, COMMANDS, REQUESTS, TASKS, FRONTEND_REQUESTS]
NUMBERED = [(family, cls) for family in FAMILIES for cls in family.kind_of]
BARE: list[tuple[type[Any], Callable[[Any], Any]]] = [
    (ActivityDirective, decode_activity_directive),
    (CancelActivity, decode_cancel_activity),
    (ClusterDescription, decode_cluster_description),
    (DeadLetter, decode_dead_letter),
    (DeadLetterPage, decode_dead_letter_page),
    (Description, decode_description),
    (ErrorReply, decode_error),
    (ExecutionCount, decode_execution_count),
    (ExecutionPage, decode_execution_page),
    (Failure, decode_failure),
    (HistoryPage, decode_history_page),
    (NamespaceList, decode_namespace_list),
    (Outcome, decode_outcome),
    (QueryAnswer, decode_query_answer),
    (RetryPolicyData, decode_retry_policy),
    (Started, decode_started),
]
BYTES_DECODERS: list[Callable[[bytes], Any]] = [
    unpack,
    decode_records,
    decode_envelope,
    decode_frontend_envelope,
    decode_replies,
    decode_task,
    decode_snapshot,
    unpack_payloads,
]
VALUE_DECODERS: list[Callable[[Any], Any]] = [
    decode_request,
    decode_frontend_request,
    decode_commands,
    *(decode for _, decode in BARE),
]

few = settings(max_examples=25, deadline=None)


def name_of(value: Any) -> str:
    return str(getattr(value, "__qualname__", None) or getattr(value, "family", ""))


def on_the_wire(message: Any) -> Any:
    """What a sender packs: the commands of a completion go behind their numbers."""
    if isinstance(message, RespondWorkflowTaskCompleted):
        numbered: Any = tuple(COMMANDS.numbered(command) for command in message.commands)
        return message._replace(commands=numbered)
    return message


def is_shaped_like(value: Any, pattern: Any) -> bool:
    """Whether the classes are the same all the way down: tuples of equal fields would compare equal."""
    if type(value) is not type(pattern):
        return False
    if isinstance(value, tuple):
        return len(value) == len(pattern) and all(map(is_shaped_like, value, pattern))
    return True


@pytest.mark.parametrize(("family", "cls"), NUMBERED, ids=name_of)
@given(data=st.data())
@few
def test_numbered_messages_survive(family: Registry, cls: type[Any], data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    kind, fields = unpack(pack(family.numbered(on_the_wire(message))))
    if family is EVENTS:
        [event] = decode_events([(1, 2, kind, fields)])
        decoded = event.attributes
    else:
        decoded = family.decode(kind, fields)
    assert decoded == message
    assert is_shaped_like(decoded, message)


@pytest.mark.parametrize(("family", "cls"), NUMBERED, ids=name_of)
@given(data=st.data())
@few
def test_an_older_sender_leaves_defaults(family: Registry, cls: type[Any], data: st.DataObject) -> None:
    """Fields are appended with a default: a message that ends before them is whole."""
    message = data.draw(messages(cls))
    kind, fields = unpack(pack(family.numbered(on_the_wire(message))))
    count = data.draw(st.integers(len(fields) - len(cls._field_defaults), len(fields)))
    assert family.decode(kind, fields[:count])[count:] == cls(*message[:count])[count:]


@pytest.mark.parametrize(("cls", "decode"), BARE, ids=name_of)
@given(data=st.data())
@few
def test_bare_messages_survive(cls: type[Any], decode: Callable[[Any], Any], data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    decoded = decode(unpack(pack(message)))
    assert decoded == message
    assert is_shaped_like(decoded, message)


events = st.one_of(
    *(
        st.builds(HistoryEvent, st.integers(0, 2**40), integers, st.just(kind), messages(cls))
        for cls, kind in EVENTS.kind_of.items()
    )
)


@given(records=st.lists(events, max_size=5))
@settings(deadline=None)
def test_records_survive(records: list[HistoryEvent]) -> None:
    decoded = decode_records(encode_records(records))
    assert decoded == records
    assert is_shaped_like(tuple(decoded), tuple(records))


@given(requests=st.lists(st.one_of(*(messages(cls) for cls in REQUESTS.kind_of)), max_size=4), sender=text)
@settings(deadline=None)
def test_envelopes_survive(requests: list[Any], sender: str) -> None:
    rows = [numbered_request(number, on_the_wire(request)) for number, request in enumerate(requests)]
    map_version, decoded_sender, decoded = decode_envelope(encode_envelope(3, sender, rows))
    assert (map_version, decoded_sender) == (3, sender)
    assert [decode_request(row)[:2] for row in decoded] == list(enumerate(requests))


@given(task=st.one_of(*(messages(cls) for cls in TASKS.kind_of)))
@settings(deadline=None)
def test_tasks_survive(task: Any) -> None:
    assert decode_task(encode_task(task)) == task


@given(payloads=st.lists(st.builds(Payload, st.dictionaries(text, st.binary()), st.binary()), max_size=4))
def test_payloads_survive(payloads: list[Payload]) -> None:
    assert unpack_payloads(pack_payloads(payloads)) == payloads


@given(rows=st.lists(st.tuples(integers, integers, st.none() | messages(Started)), max_size=4))
@settings(deadline=None)
def test_replies_survive(rows: list[tuple[int, int, Any]]) -> None:
    assert decode_replies(encode_replies(rows)) == tuple(rows)


# What is not a message -----------------------------------------------------------------------------------------------

keys = text | st.binary(max_size=5)
odd_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=10).filter(lambda value: not any("\ud800" <= char <= "\udfff" for char in value)),
    st.binary(max_size=10),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=8)),
    st.builds(msgpack.Timestamp, st.integers(0, 2**34 - 1), st.integers(0, 10**9 - 1)),
)
odd_values = st.recursive(
    odd_scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=20,
)
small_numbers = st.integers(-1, 45)


@pytest.mark.parametrize("decode", BYTES_DECODERS, ids=name_of)
@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_decode_or_are_refused(decode: Callable[[bytes], Any], data: bytes) -> None:
    refuse_or_decode(decode, data)


@pytest.mark.parametrize("decode", BYTES_DECODERS, ids=name_of)
@given(value=odd_values, version=st.just(1) | small_numbers, kind=small_numbers)
@settings(deadline=None)
def test_any_value_decodes_or_is_refused(decode: Callable[[bytes], Any], value: Any, version: int, kind: int) -> None:
    for shape in (value, [value], [version, value], [version, [value]], [version, kind, value], [1, 1, "s", [value]]):
        refuse_or_decode(decode, pack(shape))


@pytest.mark.parametrize("decode", VALUE_DECODERS, ids=name_of)
@given(value=odd_values, kind=small_numbers)
@settings(deadline=None)
def test_any_fields_decode_or_are_refused(decode: Callable[[Any], Any], value: Any, kind: int) -> None:
    for shape in (value, [value], [kind, value], [[kind, value]], [1, kind, value]):
        refuse_or_decode(decode, unpack(pack(shape)))


@pytest.mark.parametrize(("family", "cls"), NUMBERED, ids=name_of)
@given(data=st.data())
@few
def test_one_wrong_field_is_refused_or_harmless(family: Registry, cls: type[Any], data: st.DataObject) -> None:
    """A valid message, one value of which was replaced by anything at all."""
    kind, fields = unpack(pack(family.numbered(on_the_wire(data.draw(messages(cls))))))
    place = data.draw(st.integers(0, max(0, len(fields) - 1)))
    spoiled = (*fields[:place], unpack(pack(data.draw(odd_values))), *fields[place + 1 :])
    if family is EVENTS:
        refuse_or_decode(lambda row: decode_events([row]), (1, 2, kind, spoiled))
    else:
        refuse_or_decode(lambda row: family.decode(kind, row), spoiled)


@given(records=st.lists(events, min_size=1, max_size=2), data=st.data())
@settings(deadline=None)
def test_truncated_records_are_refused(records: list[HistoryEvent], data: st.DataObject) -> None:
    whole = encode_records(records)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode_records(whole[:cut])


@given(task=messages(next(iter(TASKS.kind_of))), data=st.data())
@settings(deadline=None)
def test_truncated_tasks_are_refused(task: Any, data: st.DataObject) -> None:
    whole = encode_task(task)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode_task(whole[:cut])


def refuse_or_decode(decode: Callable[[Any], Any], value: Any) -> None:
    """Any other exception than `DecodeError` fails the test."""
    with contextlib.suppress(DecodeError):
        decode(value)
