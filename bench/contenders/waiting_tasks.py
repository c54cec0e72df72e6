"""What Redis takes for tasks that wait, with nobody who executes them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import redis

from bench.measurement import Measurement

SETTLED_SAMPLES = 8
SETTLED_SHARE = 0.005
SETTLED_BYTES = 100_000
"""Settled is what moved by less than this, or less than that share, for two seconds."""

SAMPLE_INTERVAL_S = 0.25
SETTLE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class RedisMemory:
    """Bytes that the server at `url` has allocated for data, and how they grow."""

    url: str

    def settled_bytes(self) -> int:
        """As soon as it hardly moves, or after a minute."""
        samples: list[int] = []
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < deadline:
                samples.append(int(cast("dict[str, int]", client.info("memory"))["used_memory"]))
                if is_settled(samples):
                    break
                time.sleep(SAMPLE_INTERVAL_S)
        return samples[-1]


def is_settled(samples: list[int]) -> bool:
    last = samples[-SETTLED_SAMPLES:]
    moved = max(last) - min(last)
    return len(last) == SETTLED_SAMPLES and moved <= max(SETTLED_BYTES, SETTLED_SHARE * max(last))


def measurement_of_waiting(count: int, seconds: float, redis_bytes: int) -> Measurement:
    """Of tasks that were enqueued in so many seconds; none was executed, so there is no latency."""
    return Measurement(count / seconds, seconds, p50_ms=0.0, p99_ms=0.0, redis_bytes=redis_bytes)
