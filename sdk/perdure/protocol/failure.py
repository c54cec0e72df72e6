"""Why something failed, as history keeps it. Kinds and fields follow Temporal's failure model."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.codec import Registry, decodes, struct_decoder
from perdure.protocol.payload import Payloads


class FailureKind(IntEnum):
    APPLICATION = 1
    TIMEOUT = 2
    CANCELED = 3
    TERMINATED = 4
    SERVER = 5
    ACTIVITY = 7
    CHILD_WORKFLOW = 8


class TimeoutType(IntEnum):
    START_TO_CLOSE = 1
    SCHEDULE_TO_START = 2
    SCHEDULE_TO_CLOSE = 3
    HEARTBEAT = 4


class ErrorCategory(IntEnum):
    """How severe an application's error is."""

    UNSPECIFIED = 0
    BENIGN = 1


THROTTLED, QUEUE_THROTTLED = "ThrottledError", "QueueThrottledError"
"""Types of failures after which the fairness key of the task, or its queue, is held for their retry delay."""

ACTIVITY_PAUSE, ACTIVITY_RESET = "ActivityPause", "ActivityReset"
"""Types of the failures by which an attempt ends because its activity was paused, or reset (Temporal's names)."""


class RetryState(IntEnum):
    """Why there is, or is not, a further attempt."""

    IN_PROGRESS = 1
    NON_RETRYABLE_FAILURE = 2
    TIMEOUT = 3
    MAXIMUM_ATTEMPTS_REACHED = 4
    RETRY_POLICY_NOT_SET = 5
    INTERNAL_SERVER_ERROR = 6
    CANCEL_REQUESTED = 7


class ApplicationInfo(NamedTuple):
    """Raised by user code. `type` is what `non_retryable_error_types` is compared with; `category` is an
    `ErrorCategory`."""

    type: str = ""
    non_retryable: bool = False
    details: Payloads = b""
    next_retry_delay_ms: int = 0
    category: int = 0


class TimeoutInfo(NamedTuple):
    timeout_type: int = TimeoutType.START_TO_CLOSE
    last_heartbeat_details: Payloads = b""


class CanceledInfo(NamedTuple):
    details: Payloads = b""


class TerminatedInfo(NamedTuple):
    pass


class ServerInfo(NamedTuple):
    non_retryable: bool = False


class ActivityInfo(NamedTuple):
    """Wraps the cause of a failed activity, as the workflow sees it."""

    scheduled_event_id: int
    started_event_id: int
    activity_id: str
    activity_type: str
    retry_state: int
    identity: str = ""


class ChildWorkflowInfo(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int
    retry_state: int


_INFOS = Registry(
    "failure",
    {
        FailureKind.APPLICATION: ApplicationInfo,
        FailureKind.TIMEOUT: TimeoutInfo,
        FailureKind.CANCELED: CanceledInfo,
        FailureKind.TERMINATED: TerminatedInfo,
        FailureKind.SERVER: ServerInfo,
        FailureKind.ACTIVITY: ActivityInfo,
        FailureKind.CHILD_WORKFLOW: ChildWorkflowInfo,
    },
)

FailureInfo = (
    ApplicationInfo | TimeoutInfo | CanceledInfo | TerminatedInfo | ServerInfo | ActivityInfo | ChildWorkflowInfo
)


class Failure(NamedTuple):
    """One link of a chain of causes.

    `kind` numbers the class of `info`. `source` is the SDK that made it ("PythonSDK"), or "Engine".
    `encoded_attributes` hold message and stack trace where a failure converter has a codec hide them.
    """

    message: str
    kind: int = FailureKind.APPLICATION
    info: FailureInfo = ApplicationInfo()
    cause: Failure | None = None
    stack_trace: str = ""
    source: str = ""
    encoded_attributes: Payloads = b""

    @classmethod
    def of(cls, message: str, info: FailureInfo, *, cause: Failure | None = None, stack_trace: str = "",
           source: str = "Engine") -> Failure:  # fmt: skip
        """A failure whose kind follows from its `info`."""
        return cls(message, _INFOS.kind_of[type(info)], info, cause, stack_trace, source)


class _Flat(NamedTuple):
    """The same fields before `kind` has said what `info` is."""

    message: str
    kind: int = int(FailureKind.APPLICATION)
    info: tuple[Any, ...] = ()
    cause: tuple[Any, ...] | None = None
    stack_trace: str = ""
    source: str = ""
    encoded_attributes: Payloads = b""


_decode_flat = struct_decoder(_Flat, "Failure")

CAUSES_MAX = 50
"""Causes that are kept of a failure; what lies deeper is dropped when it is decoded, so that no chain of wrapping can
make a stored record unreadable."""


@decodes(Failure)
def decode_failure(fields: Any, _causes: int = CAUSES_MAX) -> Failure:
    """A failure with its first `CAUSES_MAX` causes, from its wire form.

    Raises:
        DecodeError: malformed, or of an unknown kind.
    """
    flat: _Flat = _decode_flat(fields)
    info = _INFOS.decode(flat.kind, flat.info)
    cause = None if flat.cause is None or _causes == 0 else decode_failure(flat.cause, _causes - 1)
    return Failure(flat.message, flat.kind, info, cause, flat.stack_trace, flat.source, flat.encoded_attributes)
