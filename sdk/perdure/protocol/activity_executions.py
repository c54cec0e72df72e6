"""Activities without a workflow: how a client starts one, asks for its result, and ends it.

An activity id names the execution; each reuse of the id is an execution of its own, with a number that rises and a run
id that holds it (`ids.activity_run_id`). `run_id` empty means the latest.
"""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.codec import DecodeError, decodes, shown, struct_decoder
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, Payloads
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy
from perdure.protocol.tasks import PRIORITY_DEFAULT


class ActivityOptions(NamedTuple):
    """What thousands of executions have alike; an engine checks it once. `retry_policy` None: the default one.
    `schedule_to_start_timeout_ms` counts from the end of `start_delay_ms`, which counts from the start. After
    `soft_timeout_ms` an attempt is asked to end. `keep_result_ms` 0: a closed execution is kept as its namespace
    says."""

    schedule_to_close_timeout_ms: int = 0
    schedule_to_start_timeout_ms: int = 0
    start_to_close_timeout_ms: int = 0
    heartbeat_timeout_ms: int = 0
    retry_policy: RetryPolicyData | None = None
    priority: int = PRIORITY_DEFAULT
    id_reuse_policy: int = IdReusePolicy.ALLOW_DUPLICATE
    id_conflict_policy: int = IdConflictPolicy.FAIL
    fairness: Fairness | None = None
    soft_timeout_ms: int = 0
    keep_result_ms: int = 0


_decode_options = struct_decoder(ActivityOptions)


@functools.lru_cache(maxsize=1024)
def _known_options(fields: Any) -> ActivityOptions:
    options: ActivityOptions = _decode_options(fields)
    return options


@decodes(ActivityOptions)
def decode_options(fields: Any) -> ActivityOptions:
    """Options as they came; equal ones are decoded once (measured: 0.3 us instead of 3).

    Raises:
        DecodeError: malformed.
    """
    try:
        return _known_options(fields)
    except TypeError:  # not hashable: it holds a map
        raise DecodeError(f"ActivityOptions: malformed: {shown(fields)}") from None


class DeduplicationMode(IntEnum):
    """See `perdure.deduplication`."""

    REJECT = 1
    THROTTLE = 2
    DEBOUNCE = 3
    LATEST = 4


class Deduplicate(NamedTuple):
    """How a start is to run once (`perdure.deduplication`). `order` rises with each call of one sender (`identity`)."""

    mode: int
    window_ms: int
    order: int


class StartActivity(NamedTuple):
    """Reply: `Started`. With `wait_result`: an `Outcome` when the execution closes, and `Started` before that only to a
    request that is repeated, since most are over soon.

    `request_id` empty: the activity id was made for this request, and for no other."""

    namespace: str
    activity_id: str
    activity_type: str
    task_queue: str
    input: Payloads
    request_id: str
    identity: str
    options: ActivityOptions
    wait_result: bool = False
    start_delay_ms: int = 0
    headers: HeaderMap = b""
    summary: str = ""
    search_attributes: bytes = b""
    deduplication: Deduplicate | None = None


decode_start = struct_decoder(StartActivity)
"""Of one that is kept with an execution."""


class AwaitActivity(NamedTuple):
    """Replies as to `AwaitResult`."""

    namespace: str
    activity_id: str
    run_id: str


class DescribeActivity(NamedTuple):
    """Reply: `ActivityDescription`."""

    namespace: str
    activity_id: str
    run_id: str


class RequestCancelActivity(NamedTuple):
    """Reply: `None`, also if cancellation was asked for before; NOT_FOUND when the execution is closed."""

    namespace: str
    activity_id: str
    run_id: str
    reason: str
    request_id: str
    identity: str


class TerminateActivity(NamedTuple):
    """End the execution at once; a worker that runs it is told to stop. Reply: `None`, also to the same request again;
    NOT_FOUND when the execution is closed."""

    namespace: str
    activity_id: str
    run_id: str
    reason: str
    request_id: str
    identity: str


class ActivityDescription(NamedTuple):
    """One execution. Times are 0 when unknown, `state` is that of `PendingActivity`, empty once it is closed. `input`
    is kept while the execution is open, and of one that failed."""

    namespace: str
    activity_id: str
    run_id: str
    activity_type: str
    task_queue: str
    status: int
    state: str
    attempt: int
    scheduled_time_us: int
    next_attempt_time_us: int
    started_time_us: int
    close_time_us: int
    worker: str
    options: ActivityOptions
    input: Payloads
    result: Payloads = b""
    failure: Failure | None = None
    last_failure: Failure | None = None
    heartbeat_details: Payloads = b""
    cancel_reason: str = ""
    summary: str = ""
    search_attributes: bytes = b""
    start_delay_ms: int = 0


decode_activity_description = struct_decoder(ActivityDescription)
