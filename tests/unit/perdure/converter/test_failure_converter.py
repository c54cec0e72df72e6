"""Exceptions and failures."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from perdure.converter import DefaultFailureConverter, DefaultFailureConverterWithEncodedAttributes, PayloadConverter
from perdure.converter.failure_converter import CAUSES_MAX, MESSAGE_LENGTH_MAX
from perdure.exceptions import (
    ActivityError,
    ApplicationError,
    ApplicationErrorCategory,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    RetryState,
    ServerError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
)
from perdure.protocol.codec import pack, unpack
from perdure.protocol.failure import ActivityInfo, ApplicationInfo, Failure, TimeoutInfo, decode_failure
from perdure.protocol.payload import Payload, pack_payloads

CONVERTER = DefaultFailureConverter()


def _there(error: BaseException) -> Failure:
    failure = CONVERTER.to_failure(error, PayloadConverter.default)
    assert decode_failure(unpack(pack(failure))) == failure
    return failure


def _there_and_back(error: BaseException) -> BaseException:
    return CONVERTER.from_failure(_there(error), PayloadConverter.default)


@pytest.mark.parametrize(
    "error",
    [
        ApplicationError("m", 1, {"a": 2}, type="T", non_retryable=True, next_retry_delay=timedelta(seconds=3)),
        ApplicationError("plain"),
        CancelledError("m", 1),
        TerminatedError("m"),
        ServerError("m", non_retryable=True),
        TimeoutError("m", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[5]),
        ActivityError(
            "m",
            scheduled_event_id=1,
            started_event_id=2,
            identity="i",
            activity_type="t",
            activity_id="a",
            retry_state=RetryState.TIMEOUT,
        ),
        ChildWorkflowError(
            "m",
            namespace="n",
            workflow_id="w",
            run_id="r",
            workflow_type="t",
            initiated_event_id=1,
            started_event_id=2,
            retry_state=None,
        ),
    ],
    ids=lambda error: type(error).__name__,
)
def test_our_own_errors_come_back_as_they_went(error: FailureError) -> None:
    back = _there_and_back(error)

    def told(e: BaseException) -> dict[str, object]:
        values = dict(vars(e), _failure=None)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    assert type(back) is type(error)
    assert told(back) == told(error)


def test_another_exception_becomes_an_application_error_of_its_name() -> None:
    try:
        try:
            {}["missing"]  # raises
        except KeyError as reason:
            raise ValueError("wrong") from reason
    except ValueError as error:
        failure = _there(error)
    assert "test_failure_converter.py" in failure.stack_trace
    back = CONVERTER.from_failure(failure, PayloadConverter.default)
    assert isinstance(back, ApplicationError)
    assert (back.type, back.message) == ("ValueError", "wrong")
    assert isinstance(back.cause, ApplicationError)
    assert back.cause.type == "KeyError"
    assert back.failure is failure


def test_a_failure_that_came_from_history_goes_back_as_it_was() -> None:
    failure = _there(ApplicationError("m", type="T"))
    back = CONVERTER.from_failure(failure, PayloadConverter.default)
    assert CONVERTER.to_failure(back, PayloadConverter.default) is failure


def test_asyncio_cancelled_is_cancelled() -> None:
    assert isinstance(_there_and_back(asyncio.CancelledError("stop")), CancelledError)


def test_the_first_of_a_group_is_its_cause() -> None:
    back = _there_and_back(BaseExceptionGroup("group", [ApplicationError("one"), ValueError("two")]))
    assert isinstance(back, ApplicationError)
    assert isinstance(back.cause, ApplicationError)
    assert back.cause.message == "one"


def test_what_the_store_cannot_keep_is_written_otherwise() -> None:
    failure = _there(ValueError("a\0b\ud800" + "x" * 20_000))
    assert failure.message.startswith("a\\0b\\ud800")
    assert len(failure.message) < MESSAGE_LENGTH_MAX + 100


def test_a_chain_of_causes_ends() -> None:
    error: BaseException = ValueError("first")
    for number in range(100):
        outer = ValueError(str(number))
        outer.__cause__ = error
        error = outer
    links = 0
    failure: Failure | None = _there(error)
    while failure is not None:
        links += 1
        failure = failure.cause
    assert links == CAUSES_MAX


def test_details_that_cannot_be_converted_do_not_hide_the_failure() -> None:
    back = _there_and_back(ApplicationError("m", object()))
    assert isinstance(back, ApplicationError)
    assert "could not be converted" in back.details[0]


def test_words_that_only_a_later_version_knows_become_none() -> None:
    timeout = CONVERTER.from_failure(Failure.of("m", TimeoutInfo(99)), PayloadConverter.default)
    assert isinstance(timeout, TimeoutError)
    assert timeout.type is None
    activity = CONVERTER.from_failure(Failure.of("m", ActivityInfo(1, 2, "a", "t", 77)), PayloadConverter.default)
    assert isinstance(activity, ActivityError)
    assert activity.retry_state is None


def test_a_delay_that_no_date_can_hold_is_cut() -> None:
    info = ApplicationInfo("T", next_retry_delay_ms=2**63)
    error = CONVERTER.from_failure(Failure.of("m", info), PayloadConverter.default)
    assert isinstance(error, ApplicationError)
    assert error.next_retry_delay == timedelta(days=36_600)


def test_a_message_and_a_type_that_are_no_text_become_text() -> None:
    failure = _there(ApplicationError(5, type=6))  # type: ignore[arg-type]
    assert failure.message == "5"
    assert failure.info == ApplicationInfo("6")


def test_the_category_travels() -> None:
    again = _there_and_back(ApplicationError("m", category=ApplicationErrorCategory.BENIGN))
    assert isinstance(again, ApplicationError)
    assert again.category is ApplicationErrorCategory.BENIGN
    unknown = Failure.of("m", ApplicationInfo(category=77))
    later = CONVERTER.from_failure(unknown, PayloadConverter.default)
    assert isinstance(later, ApplicationError)
    assert later.category is ApplicationErrorCategory.UNSPECIFIED


def test_message_and_stack_may_travel_encoded() -> None:
    converter = DefaultFailureConverterWithEncodedAttributes()
    try:
        raise ApplicationError("a secret", type="Refused") from ValueError("another secret")
    except ApplicationError as raised:
        failure = converter.to_failure(raised, PayloadConverter.default)
    assert failure.cause is not None
    for link in (failure, failure.cause):
        assert (link.message, link.stack_trace) == ("Encoded failure", "")
        assert link.encoded_attributes
    assert decode_failure(unpack(pack(failure))) == failure
    again = converter.from_failure(failure, PayloadConverter.default)
    assert isinstance(again, ApplicationError)
    assert (again.message, again.type, again.failure) == ("a secret", "Refused", failure)
    assert isinstance(again.cause, ApplicationError)
    assert again.cause.message == "another secret"


def test_anybody_reads_what_was_encoded_by_the_converter_alone() -> None:
    failure = DefaultFailureConverterWithEncodedAttributes().to_failure(RuntimeError("told"), PayloadConverter.default)
    again = CONVERTER.from_failure(failure, PayloadConverter.default)
    assert isinstance(again, FailureError)
    assert again.message == "told"


@pytest.mark.parametrize(
    "payload", [Payload({"encoding": b"binary/other"}, b"?"), Payload({"encoding": b"json/plain"}, b"5")]
)
def test_attributes_that_cannot_be_read_are_not_in_the_way(payload: Payload) -> None:
    failure = Failure("Encoded failure", encoded_attributes=pack_payloads([payload]))
    again = CONVERTER.from_failure(failure, PayloadConverter.default)
    assert isinstance(again, FailureError)
    assert again.message == "Encoded failure"


def test_a_chain_keeps_its_stack_traces() -> None:
    def fail() -> None:
        raise ValueError("deep")

    try:
        try:
            fail()
        except ValueError as error:
            raise ApplicationError("middle", {"a": 1}, type="M") from error
    except ApplicationError as error:
        outer = ActivityError(
            "outer",
            scheduled_event_id=1,
            started_event_id=2,
            identity="i",
            activity_type="t",
            activity_id="a",
            retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
        )
        outer.__cause__ = error
    first = _there(outer)
    again = CONVERTER.from_failure(first, PayloadConverter.default)
    assert CONVERTER.to_failure(again, PayloadConverter.default) == first, "what was received is passed on as it is"
    middle = first.cause
    assert middle is not None
    assert middle.cause is not None
    assert (middle.message, middle.cause.message) == ("middle", "deep")
    assert "in fail" in middle.cause.stack_trace
