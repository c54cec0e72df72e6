"""A codec finds users' data wherever a message holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure.common import Payload
from perdure.converter import DataConverter, PayloadCodec
from perdure.converter.payload_coding import PayloadCoding, without_user_data
from perdure.exceptions import PayloadSizeError
from perdure.protocol.commands import (
    COMMANDS,
    CompleteWorkflowExecution,
    ModifyWorkflowProperties,
    RecordMarker,
    StartTimer,
)
from perdure.protocol.events import EventType, HistoryEvent, TimerFired, WorkflowExecutionStarted
from perdure.protocol.failure import ActivityInfo, ApplicationInfo, Failure, TimeoutInfo
from perdure.protocol.marker import pack_details
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import PAYLOAD_SIZE_MAX, pack_payload_map, pack_payloads
from perdure.protocol.requests import RespondActivityTaskFailed, RespondWorkflowTaskCompleted
from tests.integration.data.codecs import FlippingCodec

SECRET = Payload({"encoding": b"json/plain"}, b'"tulip"')
DATA = pack_payloads([SECRET])
NAMED = pack_payload_map({"flower": SECRET})

CAUSE = Failure.of("because", TimeoutInfo(1, DATA))
FAILURE = Failure.of("no", ActivityInfo(5, 6, "1", "pick", 1), cause=CAUSE)

STARTED = WorkflowExecutionStarted("T", "q", DATA, memo=NAMED)

MESSAGES = [
    ModifyWorkflowProperties(pack_memo({"flower": SECRET, "gone": None})),
    CompleteWorkflowExecution(DATA),
    RecordMarker("local", pack_details({"data": [SECRET], "result": [SECRET, SECRET]}), b"", FAILURE),
    RespondActivityTaskFailed("run", 5, 1, 7, FAILURE, "me", b"stream", b"entry", DATA),
    RespondWorkflowTaskCompleted(
        "run",
        5,
        1,
        7,
        [COMMANDS.numbered(CompleteWorkflowExecution(DATA))],
        "me",
        "",
        b"stream",
        b"entry",  # type: ignore[arg-type]
    ),
    [
        HistoryEvent(
            1, 7, int(EventType.WORKFLOW_EXECUTION_STARTED), WorkflowExecutionStarted("T", "q", DATA, memo=NAMED)
        ),
        HistoryEvent(2, 7, int(EventType.TIMER_FIRED), TimerFired("1", 1)),
    ],
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
async def test_messages_come_back_as_they_were(message: Any) -> None:
    coding = PayloadCoding(FlippingCodec())
    encoded = await coding.encode(message)
    assert type(encoded) is type(message)
    assert "tulip" in repr(message)
    assert "tulip" not in repr(encoded)
    assert await coding.decode(encoded) == message


async def test_what_holds_nothing_is_left_alone() -> None:
    coding = PayloadCoding(FlippingCodec())
    for message in (StartTimer("1", 5), (), [], None, 5, CompleteWorkflowExecution(b"")):
        assert await coding.encode(message) is message


async def test_headers_are_coded_if_asked_for() -> None:
    started = WorkflowExecutionStarted("T", "q", headers=NAMED)
    assert await PayloadCoding(FlippingCodec()).encode(started) is started
    with_headers = PayloadCoding(FlippingCodec(), with_headers=True)
    encoded = await with_headers.encode(started)
    assert encoded.headers != NAMED
    assert await with_headers.decode(encoded) == started


class Answering(PayloadCodec):
    """Answers with what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        answer: list[Payload] = self.answer
        return answer

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        raise NotImplementedError


@pytest.mark.parametrize("answer", [[], None, ["tulip"]])
async def test_what_a_codec_must_not_return(answer: Any) -> None:
    with pytest.raises(TypeError, match=r"Answering\.encode must return a list of at least one Payload"):
        await PayloadCoding(Answering(answer)).encode(CompleteWorkflowExecution(DATA))


async def test_a_list_may_become_shorter_but_not_one_by_name() -> None:
    two = pack_payloads([SECRET, SECRET])
    assert await PayloadCoding(Answering([SECRET])).encode(CompleteWorkflowExecution(two)) == (DATA,)
    with pytest.raises(TypeError, match="must return one Payload for one, not 2"):
        await PayloadCoding(Answering([SECRET, SECRET])).encode(WorkflowExecutionStarted("T", "q", memo=NAMED))


async def test_what_grows_too_large_is_refused() -> None:
    large = Payload({}, b"x" * PAYLOAD_SIZE_MAX)
    with pytest.raises(PayloadSizeError):
        await PayloadCoding(Answering([large])).encode(CompleteWorkflowExecution(DATA))


def test_what_cannot_be_encoded_goes_without() -> None:
    report = RespondActivityTaskFailed("run", 5, 1, 7, FAILURE, "me", b"stream", b"entry", DATA)
    bare = without_user_data(report)
    assert "tulip" not in repr(bare)
    assert bare.failure.message == "no (its details are left out: the payload codec cannot encode them)"
    assert bare.failure.info == FAILURE.info
    assert bare[:4] + bare[5:8] == report[:4] + report[5:8]
    assert without_user_data(Failure.of("no", ApplicationInfo("T", True, DATA))).info == ApplicationInfo("T", True)


async def test_the_default_converter_has_none() -> None:
    assert DataConverter.default.coding(with_headers=True) is None
