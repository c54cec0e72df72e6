"""Exceptions to failures, as history keeps them, and back."""

from __future__ import annotations

import asyncio
import builtins
import traceback
from abc import ABC, abstractmethod
from datetime import timedelta
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from perdure.converter.payload_converter import PayloadConverter
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
from perdure.protocol import failure as wire
from perdure.protocol.failure import Failure
from perdure.protocol.payload import pack_payloads, unpack_payloads

SOURCE = "PythonSDK"

MESSAGE_LENGTH_MAX = 10_000
"""Characters of a message that history keeps; an exception's text may quote a whole document."""

STACK_LENGTH_MAX = 20_000
"""Characters of a traceback that history keeps, counted from its end, where the reason is."""

CAUSES_MAX = 20
"""Links of a chain of causes that history keeps."""

_DELAY_MS_MAX = 100 * 366 * 24 * 3600 * 1000
"""A century: what a later version or another program wrote beyond that is none that a date can hold."""


class FailureConverter(ABC):
    """Converts exceptions. Replace it through `DataConverter.failure_converter_class`."""

    default: ClassVar[FailureConverter]

    @abstractmethod
    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter) -> Failure:
        """The failure to record. Must not raise."""

    @abstractmethod
    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        """The exception to hand to user code, with its causes."""


class DefaultFailureConverter(FailureConverter):
    """Keeps the kind, the message, the details, the traceback's text and the causes.

    An exception that is no `FailureError` becomes an `ApplicationError` whose type is the name of its class.
    """

    def __init__(self, encode_common_attributes: bool = False) -> None:
        """Make a converter.

        Args:
            encode_common_attributes: Put message and stack trace into a payload, which a payload codec encodes; who has
                no codec sees `Encoded failure`.
        """
        self._encodes_attributes = encode_common_attributes

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter) -> Failure:
        return self._to_failure(exception, payload_converter, CAUSES_MAX)

    def _to_failure(self, exception: BaseException, converter: PayloadConverter, links: int) -> Failure:
        if isinstance(exception, FailureError) and exception.failure is not None:
            return exception.failure
        if isinstance(exception, asyncio.CancelledError):
            exception = CancelledError(str(exception) or "Cancelled")
        cause = _cause_of(exception)
        failure = Failure.of(
            plain_text(str(exception.message if isinstance(exception, FailureError) else exception)),
            _info_of(exception, converter),
            cause=self._to_failure(cause, converter, links - 1) if cause is not None and links > 1 else None,
            stack_trace=_stack_of(exception),
            source=SOURCE,
        )
        return _with_encoded_attributes(failure, converter) if self._encodes_attributes else failure

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        shown = _with_own_attributes(failure, payload_converter) if failure.encoded_attributes else failure
        exception = _exception_of(shown, payload_converter)
        exception._failure = failure
        if failure.cause is not None:
            exception.__cause__ = self.from_failure(failure.cause, payload_converter)
        return exception


FailureConverter.default = DefaultFailureConverter()


class DefaultFailureConverterWithEncodedAttributes(DefaultFailureConverter):
    """The same, with message and stack trace in a payload. For `DataConverter(failure_converter_class=...)`, with a
    payload codec that encrypts."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


ENCODED_MESSAGE = "Encoded failure"
"""The message of a failure whose own is among its encoded attributes (Temporal's text)."""


def _with_encoded_attributes(failure: Failure, converter: PayloadConverter) -> Failure:
    attributes = {"message": failure.message, "stack_trace": failure.stack_trace}
    data = pack_payloads(converter.to_payloads([attributes]))
    return failure._replace(message=ENCODED_MESSAGE, stack_trace="", encoded_attributes=data)


def _with_own_attributes(failure: Failure, converter: PayloadConverter) -> Failure:
    try:
        (attributes,) = converter.from_payloads(unpack_payloads(failure.encoded_attributes))
        message, stack_trace = str(attributes["message"]), str(attributes["stack_trace"])
    except (TypeError, ValueError, LookupError):
        return failure  # encoded by a codec that is not there: the failure itself must still be raised
    return failure._replace(message=message, stack_trace=stack_trace)


def plain_text(text: str, length_max: int = MESSAGE_LENGTH_MAX) -> str:
    """Text that can be stored: no NUL, no lone surrogate, bounded."""
    if len(text) > length_max:
        text = f"{text[:length_max]}... ({len(text) - length_max:,} more characters)"
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def failure_of_unsayable(exception: BaseException) -> Failure:
    """The failure of an exception whose own text, details or causes raise when they are asked for."""
    kind = plain_text(type(exception).__name__)
    message = f"an exception of type {kind}, which raises when it is asked for its text, its details or its cause"
    return Failure.of(message, wire.ApplicationInfo(kind), stack_trace=_stack_of(exception), source=SOURCE)


def _cause_of(exception: BaseException) -> BaseException | None:
    if exception.__cause__ is not None:
        return exception.__cause__
    if isinstance(exception, BaseExceptionGroup):
        first: BaseException = exception.exceptions[0]
        return first
    return None if exception.__suppress_context__ else exception.__context__


def _stack_of(exception: BaseException) -> str:
    if exception.__traceback__ is None:
        return ""
    text = "".join(traceback.format_tb(exception.__traceback__))
    return plain_text(text[-STACK_LENGTH_MAX:], STACK_LENGTH_MAX)


def _details_of(exception: BaseException, converter: PayloadConverter) -> bytes:
    details = getattr(exception, "details", ())
    try:
        return pack_payloads(converter.to_payloads(details)) if details else b""
    except (TypeError, ValueError) as error:
        # A failure must be recorded whatever it carries.
        return pack_payloads([PayloadConverter.default.to_payload(f"details could not be converted: {error}")])


def _info_of(exception: BaseException, converter: PayloadConverter) -> wire.FailureInfo:
    match exception:
        case ApplicationError():
            delay = exception.next_retry_delay
            return wire.ApplicationInfo(
                plain_text(str(exception.type or "")),
                exception.non_retryable,
                _details_of(exception, converter),
                0 if delay is None else max(1, round(delay.total_seconds() * 1000)),
                int(exception.category),
            )
        case TimeoutError():
            kind = exception.type or TimeoutType.START_TO_CLOSE
            heartbeat = exception.last_heartbeat_details
            return wire.TimeoutInfo(int(kind), pack_payloads(converter.to_payloads(heartbeat)) if heartbeat else b"")
        case CancelledError():
            return wire.CanceledInfo(_details_of(exception, converter))
        case TerminatedError():
            return wire.TerminatedInfo()
        case ServerError():
            return wire.ServerInfo(exception.non_retryable)
        case ActivityError():
            return wire.ActivityInfo(
                exception.scheduled_event_id,
                exception.started_event_id,
                exception.activity_id,
                exception.activity_type,
                int(exception.retry_state or 0),
                exception.identity,
            )
        case ChildWorkflowError():
            return wire.ChildWorkflowInfo(
                exception.namespace,
                exception.workflow_id,
                exception.run_id,
                exception.workflow_type,
                exception.initiated_event_id,
                exception.started_event_id,
                int(exception.retry_state or 0),
            )
        case _:
            return wire.ApplicationInfo(plain_text(type(exception).__name__))


def _exception_of(failure: Failure, converter: PayloadConverter) -> FailureError:
    info = failure.info
    match info:
        case wire.ApplicationInfo():
            delay = info.next_retry_delay_ms
            return ApplicationError(
                failure.message,
                *_values(info.details, converter),
                type=info.type or None,
                non_retryable=info.non_retryable,
                next_retry_delay=timedelta(milliseconds=min(delay, _DELAY_MS_MAX)) if delay else None,
                category=_member(ApplicationErrorCategory, info.category) or ApplicationErrorCategory.UNSPECIFIED,
            )
        case wire.TimeoutInfo():
            return TimeoutError(
                failure.message,
                type=_member(TimeoutType, info.timeout_type),
                last_heartbeat_details=_values(info.last_heartbeat_details, converter),
            )
        case wire.CanceledInfo():
            return CancelledError(failure.message, *_values(info.details, converter))
        case wire.TerminatedInfo():
            return TerminatedError(failure.message)
        case wire.ServerInfo():
            return ServerError(failure.message, non_retryable=info.non_retryable)
        case wire.ActivityInfo():
            return ActivityError(
                failure.message,
                scheduled_event_id=info.scheduled_event_id,
                started_event_id=info.started_event_id,
                identity=info.identity,
                activity_type=info.activity_type,
                activity_id=info.activity_id,
                retry_state=_member(RetryState, info.retry_state),
            )
        case wire.ChildWorkflowInfo():
            return ChildWorkflowError(
                failure.message,
                namespace=info.namespace,
                workflow_id=info.workflow_id,
                run_id=info.run_id,
                workflow_type=info.workflow_type,
                initiated_event_id=info.initiated_event_id,
                started_event_id=info.started_event_id,
                retry_state=_member(RetryState, info.retry_state),
            )


_Word = TypeVar("_Word", bound=IntEnum)


def _member(words: type[_Word], number: int) -> _Word | None:
    """The member of a number; None for 0, and for one that only a later version knows."""
    try:
        return words(number)
    except ValueError:
        return None


def _values(data: bytes, converter: PayloadConverter) -> builtins.list[Any]:
    return converter.from_payloads(unpack_payloads(data)) if data else []
