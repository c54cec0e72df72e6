"""Limits of the engine that a seed may set low, so that short runs reach what takes long otherwise."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from perdure_engine.history import cache, intake, reading, recovery, timers
from perdure_engine.matching import dispatching, leases

CHOICES: list[tuple[Any, str, int]] = [
    (cache, "SNAPSHOT_EVERY_BYTES", 400),
    (intake, "REQUESTS_MAX", 3),
    (intake, "TIMERS_MAX", 2),
    (recovery, "PAGE", 3),
    (reading, "PAGE_BYTES_MAX", 300),
    (timers, "PAGE", 2),
    (dispatching, "PAGE", 2),
    (leases, "SCAN_PAGE", 2),
]
"""Module, name, and the low value."""


@contextlib.contextmanager
def turned(generator: random.Random) -> Iterator[None]:
    """Set each of them low in a third of the seeds, while the block runs."""
    with contextlib.ExitStack() as stack:
        for module, name, low in CHOICES:
            if generator.random() < 0.33:
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, low)
        yield


def cache_bytes(generator: random.Random) -> int:
    """Memory for runs: all of them, or about three."""
    return generator.choice([cache.CACHE_BYTES_MAX, 3 * cache.RUN_OVERHEAD_BYTES])
