"""Types that clients, workflows and activities share: policies, priorities, raw values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from perdure.metrics import (
    MetricCommon,
    MetricCounter,
    MetricGauge,
    MetricGaugeFloat,
    MetricHistogram,
    MetricHistogramFloat,
    MetricHistogramTimedelta,
    MetricMeter,
)
from perdure.priority import Priority
from perdure.protocol import requests
from perdure.protocol.payload import Payload
from perdure.protocol.retry import RetryPolicyData
from perdure.search_attributes import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributes,
    SearchAttributeUpdate,
    SearchAttributeValue,
    SearchAttributeValues,
    TypedSearchAttributes,
)
from perdure.versioning import (
    AutoUpgradeVersioningOverride,
    PinnedVersioningOverride,
    VersioningBehavior,
    VersioningOverride,
    WorkerDeploymentVersion,
)

__all__ = [
    "ActivityIDConflictPolicy",
    "ActivityIDReusePolicy",
    "AutoUpgradeVersioningOverride",
    "HeaderCodecBehavior",
    "MetricCommon",
    "MetricCounter",
    "MetricGauge",
    "MetricGaugeFloat",
    "MetricHistogram",
    "MetricHistogramFloat",
    "MetricHistogramTimedelta",
    "MetricMeter",
    "Payload",
    "PinnedVersioningOverride",
    "Priority",
    "QueryRejectCondition",
    "RawValue",
    "RetryPolicy",
    "SearchAttributeIndexedValueType",
    "SearchAttributeKey",
    "SearchAttributePair",
    "SearchAttributeUpdate",
    "SearchAttributeValue",
    "SearchAttributeValues",
    "SearchAttributes",
    "TypedSearchAttributes",
    "VersioningBehavior",
    "VersioningOverride",
    "WorkerDeploymentVersion",
    "WorkflowIDConflictPolicy",
    "WorkflowIDReusePolicy",
    "milliseconds",
    "positional_arguments",
]


class WorkflowIDReusePolicy(IntEnum):
    """What a start does when the last run of its workflow id is closed."""

    ALLOW_DUPLICATE = requests.IdReusePolicy.ALLOW_DUPLICATE
    ALLOW_DUPLICATE_FAILED_ONLY = requests.IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    REJECT_DUPLICATE = requests.IdReusePolicy.REJECT_DUPLICATE


class WorkflowIDConflictPolicy(IntEnum):
    """What a start does when a run of its workflow id is open. UNSPECIFIED is FAIL."""

    UNSPECIFIED = 0
    FAIL = requests.IdConflictPolicy.FAIL
    USE_EXISTING = requests.IdConflictPolicy.USE_EXISTING
    TERMINATE_EXISTING = requests.IdConflictPolicy.TERMINATE_EXISTING


class ActivityIDReusePolicy(IntEnum):
    """What a start does when the last activity of its id, which had no workflow, is closed. UNSPECIFIED is
    ALLOW_DUPLICATE."""

    UNSPECIFIED = 0
    ALLOW_DUPLICATE = requests.IdReusePolicy.ALLOW_DUPLICATE
    ALLOW_DUPLICATE_FAILED_ONLY = requests.IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    REJECT_DUPLICATE = requests.IdReusePolicy.REJECT_DUPLICATE


class ActivityIDConflictPolicy(IntEnum):
    """What a start does when an activity of its id, which has no workflow, is open. UNSPECIFIED is FAIL."""

    UNSPECIFIED = 0
    FAIL = requests.IdConflictPolicy.FAIL
    USE_EXISTING = requests.IdConflictPolicy.USE_EXISTING


class QueryRejectCondition(IntEnum):
    """Of which workflows a query is rejected, by their status."""

    NONE = requests.QueryRejectCondition.NONE
    NOT_OPEN = requests.QueryRejectCondition.NOT_OPEN
    NOT_COMPLETED_CLEANLY = requests.QueryRejectCondition.NOT_COMPLETED_CLEANLY


class HeaderCodecBehavior(IntEnum):
    """Whether a payload codec encodes and decodes headers, too."""

    NO_CODEC = 1
    CODEC = 2
    WORKFLOW_ONLY_CODEC = 3
    """Only in workers, of what workflows send and receive."""


@dataclass
class RetryPolicy:
    """How a workflow or an activity is tried again.

    Attributes:
        initial_interval: Wait before the second attempt.
        backoff_coefficient: Each further wait is the one before times this; at least 1.
        maximum_interval: The longest wait. None: a hundred times the initial one.
        maximum_attempts: How many attempts in all. 0: no limit.
        non_retryable_error_types: Names of `ApplicationError.type` (for other exceptions their class name) after which
            there is no further attempt. `TemporalTimeout:StartToClose` and `TemporalTimeout:Heartbeat`, Temporal's
            names, stand for these timeouts; the latter for a lost worker, too, so that an attempt is begun once.
        jitter: The share of each wait of an activity that is left to chance, from 0 to 1 (full jitter), so that what
            failed together is not tried again together.
    """

    initial_interval: timedelta = timedelta(seconds=1)
    backoff_coefficient: float = 2.0
    maximum_interval: timedelta | None = None
    maximum_attempts: int = 0
    non_retryable_error_types: Sequence[str] | None = None
    jitter: float = 0.0

    def to_data(self) -> RetryPolicyData:
        """The policy as it travels.

        Raises:
            ValueError: an interval is negative, the coefficient is below 1, the maximum is below the initial interval.
        """
        if self.maximum_attempts < 0:
            raise ValueError(f"maximum_attempts is {self.maximum_attempts}; it must be 0 (no limit) or more")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is {self.jitter}; it must be from 0 to 1")
        if self.maximum_attempts != 1:
            self._check_intervals()
        maximum = self.maximum_interval
        return RetryPolicyData(
            # An interval below a millisecond must not become "no wait at all, for ever".
            max(1, milliseconds("initial_interval", self.initial_interval)),
            float(self.backoff_coefficient),
            0 if maximum is None else milliseconds("maximum_interval", maximum),
            self.maximum_attempts,
            tuple(self.non_retryable_error_types or ()),
            float(self.jitter),
        )

    @staticmethod
    def from_data(data: RetryPolicyData) -> RetryPolicy:
        """The inverse of `to_data`."""
        return RetryPolicy(
            timedelta(milliseconds=data.initial_interval_ms),
            data.backoff_coefficient,
            timedelta(milliseconds=data.maximum_interval_ms) if data.maximum_interval_ms else None,
            data.maximum_attempts,
            data.non_retryable_error_types or None,
            data.jitter,
        )

    def _check_intervals(self) -> None:
        if isinstance(self.non_retryable_error_types, str):
            raise ValueError("non_retryable_error_types must be a list of names, not one name")
        if self.backoff_coefficient < 1:
            raise ValueError(f"backoff_coefficient is {self.backoff_coefficient}; it must be 1 or more")
        if self.maximum_interval is not None and self.maximum_interval < self.initial_interval:
            raise ValueError(
                f"maximum_interval ({self.maximum_interval}) is shorter than initial_interval ({self.initial_interval})"
            )


@dataclass(frozen=True)
class RawValue:
    """A payload that is passed on without conversion; as a parameter or return type of workflows, activities, signals
    and queries."""

    payload: Payload


class Unset:
    """The type of a parameter that was not given, where None is a value."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = Unset()


def positional_arguments(arg: object, more: Sequence[object], args: Sequence[object]) -> Sequence[object]:
    """The arguments of a call that takes either `f, a, b, ...` or `f, args=[...]`.

    Raises:
        ValueError: both were given.
    """
    if arg is UNSET:
        if isinstance(args, str | bytes):
            raise ValueError("args must be a list of arguments; give a single one without args=")
        return args
    if args:
        raise ValueError("give the arguments either one after the other or as args=[...], not both")
    return (arg, *more)


def milliseconds(name: str, duration: timedelta | float | None) -> int:
    """A duration (a number is in seconds) as whole milliseconds, at least 1 unless it is none at all.

    Raises:
        ValueError: it is negative.
    """
    if duration is None:
        return 0
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 0:
        raise ValueError(f"{name} is negative ({duration})")
    return max(1, round(seconds * 1000)) if seconds else 0
