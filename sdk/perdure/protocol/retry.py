"""The retry policy as it travels, and its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from perdure.protocol.codec import decodes, struct_decoder
from perdure.protocol.failure import TimeoutType

TIMEOUT_NAMES: Mapping[int, str] = {
    TimeoutType.START_TO_CLOSE: "TemporalTimeout:StartToClose",
    TimeoutType.HEARTBEAT: "TemporalTimeout:Heartbeat",
}
"""What a timeout of an attempt is called among the types that are not tried again: Temporal's names. A lost worker is a
timeout of heartbeats."""


class RetryPolicyData(NamedTuple):
    """Backoff of attempt n: `min(initial * coefficient ** (n - 1), maximum)`. `maximum_attempts` 0 is unlimited;
    `maximum_interval_ms` 0 is a hundred times the initial interval. `jitter` is the share of it that is left to chance,
    from 0 to 1, for activities."""

    initial_interval_ms: int = 1000
    backoff_coefficient: float = 2.0
    maximum_interval_ms: int = 0
    maximum_attempts: int = 0
    non_retryable_error_types: tuple[str, ...] = ()
    jitter: float = 0.0

    @property
    def begins_once(self) -> bool:
        """Whether an attempt whose worker may be lost is not begun a second time: its worker asks before it begins."""
        return self.maximum_attempts == 1 or self.ends_by_timeout(TimeoutType.HEARTBEAT)

    def ends_by_timeout(self, kind: int | None) -> bool:
        """Whether no attempt follows one that ended by this timeout."""
        types = self.non_retryable_error_types
        return bool(types) and kind is not None and TIMEOUT_NAMES.get(kind) in types

    def backoff_ms(self, attempt: int) -> int:
        """Milliseconds to wait after the failure of `attempt` (from 1)."""
        maximum = self.maximum_interval_ms or 100 * self.initial_interval_ms
        try:
            interval = self.initial_interval_ms * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            return maximum
        return int(min(maximum, interval))  # in this order a NaN, too, gives the maximum


DEFAULT_RETRY_POLICY = RetryPolicyData()

_decode = struct_decoder(RetryPolicyData)


@decodes(RetryPolicyData)
def decode_retry_policy(fields: Any) -> RetryPolicyData:
    """From the wire form. Nearly all of them are the default one."""
    policy: RetryPolicyData = DEFAULT_RETRY_POLICY if fields == DEFAULT_RETRY_POLICY else _decode(fields)
    return policy
