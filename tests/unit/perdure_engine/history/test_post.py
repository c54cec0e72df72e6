"""Envelopes for messages: many share one, none grows without bound."""

from __future__ import annotations

from perdure.protocol.messages import AcknowledgeMessage
from perdure.protocol.requests import decode_envelope
from perdure_engine.history import post as module
from perdure_engine.history.post import ENVELOPE_MESSAGES_MAX, Post, pack_message, unpack_message
from tests.engine_stage import POST
from tests.unit.perdure.protocol.test_messages import CLOSED, START


def counts(envelopes: list[bytes]) -> list[int]:
    return [len(decode_envelope(data)[2]) for data in envelopes]


def test_many_messages_share_an_envelope() -> None:
    answers = [AcknowledgeMessage("run", number) for number in range(ENVELOPE_MESSAGES_MAX + 1)]
    assert counts(POST.envelopes({3: answers})[3]) == [ENVELOPE_MESSAGES_MAX, 1]


def test_large_messages_travel_alone() -> None:
    large = START._replace(initiated=START.initiated._replace(input=b"x" * module.ENVELOPE_BYTES_MAX))
    small = AcknowledgeMessage("run", 1)
    assert counts(POST.envelopes({0: [large, large, small]})[0]) == [1, 1, 1]


def test_a_row_holds_the_message() -> None:
    assert unpack_message(pack_message(CLOSED)) == CLOSED


def test_a_message_goes_to_the_shard_of_the_workflow_that_it_names() -> None:
    many = Post(module.ClusterInfo("cluster", 1, 1024))
    assert many.shard_of(START) != many.shard_of(CLOSED)
