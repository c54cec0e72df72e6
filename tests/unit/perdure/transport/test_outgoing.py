"""Rows leave in order, gathered by shard, in envelopes that keep their bounds."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.protocol.codec import pack, unpack
from perdure.transport.outgoing import ENVELOPE_BYTES_MAX, ENVELOPE_REQUESTS_MAX, Outgoing, envelopes
from perdure.transport.unanswered import Row


def rows(count: int, size: int = 1) -> list[Row]:
    return [(number, 1, b"x" * size) for number in range(count)]


def numbers(data: Sequence[bytes]) -> list[list[int]]:
    return [[row[0] for row in unpack(envelope)] for envelope in data]


def test_rows_are_gathered_by_shard_in_order_and_taken_once() -> None:
    outgoing = Outgoing()
    assert not outgoing
    for number, row in enumerate(rows(6)):
        outgoing.append(number % 2, row)
    assert outgoing
    taken = outgoing.take()
    assert {shard: [row[0] for row in some] for shard, some in taken.items()} == {0: [0, 2, 4], 1: [1, 3, 5]}
    assert not outgoing
    assert outgoing.take() == {}


def test_an_envelope_holds_so_many_requests_at_most() -> None:
    made = numbers(envelopes(rows(2 * ENVELOPE_REQUESTS_MAX + 1), pack))
    assert [len(envelope) for envelope in made] == [ENVELOPE_REQUESTS_MAX, ENVELOPE_REQUESTS_MAX, 1]
    assert [number for envelope in made for number in envelope] == list(range(2 * ENVELOPE_REQUESTS_MAX + 1))


def test_an_envelope_holds_so_many_bytes_at_most_unless_one_request_is_larger() -> None:
    made = envelopes([*rows(10, ENVELOPE_BYTES_MAX // 4), (10, 1, b"x" * 2 * ENVELOPE_BYTES_MAX)], pack)
    assert [number for envelope in numbers(made) for number in envelope] == list(range(11))
    too_large = [envelope for envelope in made if len(envelope) > ENVELOPE_BYTES_MAX]
    assert numbers(too_large) == [[10]]
    assert len(made) < 11
