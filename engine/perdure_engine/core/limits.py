"""Limits: what a request or a command may ask for, and the words that refuse more.

Rules: each function gives the problem as text, or None; the text says what is wrong and what is allowed. Whatever
passes here fits the columns of the store and the arithmetic of the machines.
"""

from __future__ import annotations

import math

from perdure.protocol.codec import pack
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, TimeoutInfo
from perdure.protocol.ids import ID_LENGTH_MAX
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.retry import RetryPolicyData

DURATION_MS_MAX = 100 * 366 * 24 * 3600 * 1000
"""Milliseconds of any timeout, delay or interval: a century, which added to any date still fits 64 bits."""

PRIORITY_MIN, PRIORITY_MAX = 1, 5
"""Priorities of an activity, 1 first (Temporal's range)."""

PENDING_MAX = 20_000
"""Pending activities of one run, pending timers, and pending child workflows."""

EXTERNAL_PENDING_MAX = 2_000
"""Signals of one run to other workflows whose answer has not come, and requests to cancel them (Temporal's limit)."""

SIGNALS_MAX = 10_000
"""Signals that one run may receive (Temporal's limit)."""

UPDATES_IN_FLIGHT_MAX = 10
"""Updates of one run that may be without an outcome at a time (Temporal's limit)."""

UPDATES_MAX = 2_000
"""Updates that one run may receive (Temporal's limit)."""

HISTORY_LENGTH_MAX = 200_000
"""Events of one run."""

HISTORY_SIZE_MAX = 50 * 1024 * 1024
"""Bytes of the stored history of one run (Temporal's limit)."""

SUMMARY_LENGTH_MAX, DETAILS_LENGTH_MAX = 400, 20_000
"""Characters of the static summary and the static details of a run (Temporal's limits, which count bytes)."""

_MESSAGE_LENGTH_MAX = 2_000
"""Characters that are kept of the message of a failure that is too large."""


def duration_problem(name: str, duration_ms: int) -> str | None:
    if 0 <= duration_ms <= DURATION_MS_MAX:
        return None
    return f"{name} is {duration_ms} ms; it must be at least 0 and at most {DURATION_MS_MAX} ms (100 years)"


def priority_problem(priority: int) -> str | None:
    if PRIORITY_MIN <= priority <= PRIORITY_MAX:
        return None
    return f"its priority is {priority}; it must be from {PRIORITY_MIN} to {PRIORITY_MAX}"


def notes_problem(summary: str, details: str) -> str | None:
    """Whether what people wrote about a run is short enough."""
    for name, text, limit in (("summary", summary, SUMMARY_LENGTH_MAX), ("details", details, DETAILS_LENGTH_MAX)):
        if len(text) > limit:
            return f"its static {name} has {len(text)} characters; the limit is {limit}"
    return None


def summary_problem(what: str, summary: str) -> str | None:
    """Whether the one line that a workflow wrote about a step is short enough."""
    if len(summary) <= SUMMARY_LENGTH_MAX:
        return None
    return f"{what} has {len(summary)} characters; the limit is {SUMMARY_LENGTH_MAX}: it is one line for who looks"


def size_problem(what: str, data: bytes, owner: str = "") -> str | None:
    """Whether user data is small enough to be kept. The problem calls it `what`, followed by the name of its owner."""
    if len(data) <= PAYLOAD_SIZE_MAX:
        return None
    name = f"{what} {owner!r}" if owner else what
    return (
        f"{name} came to {len(data)} bytes; the limit is {PAYLOAD_SIZE_MAX}: "
        "store the data elsewhere and pass a reference"
    )


def history_problem(length: int, size_bytes: int) -> str | None:
    """Whether a run may go on: each replay reads its whole history."""
    if length <= HISTORY_LENGTH_MAX and size_bytes <= HISTORY_SIZE_MAX:
        return None
    return (
        f"the history has {length} events in {size_bytes} bytes; the limits of one run are {HISTORY_LENGTH_MAX} events "
        f"and {HISTORY_SIZE_MAX} bytes: do the work in several runs"
    )


def history_warning(length: int, size_bytes: int) -> str | None:
    """What to tell operators of a history that has come to a fifth of what ends its run."""
    if length <= HISTORY_LENGTH_MAX // 5 and size_bytes <= HISTORY_SIZE_MAX // 5:
        return None
    return (
        f"its history has come to {length} events in {size_bytes} bytes; at {HISTORY_LENGTH_MAX} events or "
        f"{HISTORY_SIZE_MAX} bytes it is terminated. It can continue as new when "
        "`workflow.info().is_continue_as_new_suggested()` says so"
    )


def retry_policy_problem(policy: RetryPolicyData) -> str | None:
    problem = duration_problem("the initial interval of the retry policy", policy.initial_interval_ms)
    if problem is None:
        problem = duration_problem("the maximum interval of the retry policy", policy.maximum_interval_ms)
    if problem is None and not (math.isfinite(policy.backoff_coefficient) and policy.backoff_coefficient >= 1):
        problem = f"the backoff coefficient of the retry policy is {policy.backoff_coefficient}; it must be at least 1"
    if problem is None and policy.maximum_attempts < 0:
        problem = f"the retry policy allows {policy.maximum_attempts} attempts; give at least 1, or 0 for no limit"
    if problem is None and not 0 <= policy.jitter <= 1:
        problem = f"the jitter of the retry policy is {policy.jitter}; it must be from 0 to 1"
    return problem


def bounded_failure(failure: Failure) -> Failure:
    """The failure itself, or, where it is too large to be kept, its kind, its type and the start of its message."""
    size = len(pack(failure))
    if size <= PAYLOAD_SIZE_MAX:
        return failure
    info = failure.info
    if isinstance(info, ApplicationInfo):
        info = info._replace(type=info.type[:ID_LENGTH_MAX], details=b"")
    elif isinstance(info, TimeoutInfo):
        info = info._replace(last_heartbeat_details=b"")
    elif isinstance(info, CanceledInfo):
        info = CanceledInfo()
    message = (
        f"{failure.message[:_MESSAGE_LENGTH_MAX]} (a failure of {size} bytes was cut; the limit is {PAYLOAD_SIZE_MAX})"
    )
    return Failure.of(message, info, source=failure.source)
