"""Limits of engines, workers and clients that a scenario may set low, so that short runs reach what takes long else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator
from types import ModuleType

from perdure.content import sending
from perdure.transport import outgoing, transport
from perdure.worker import task_reader
from perdure_broker import memory_server
from perdure_engine.history import cache, intake, reading, recovery, timers
from perdure_engine.matching import dispatching, leases

KNOBS: dict[str, tuple[ModuleType, str, int]] = {
    "snapshots": (cache, "SNAPSHOT_EVERY_BYTES", 400),
    "requests of a batch": (intake, "REQUESTS_MAX", 3),
    "timers of a batch": (intake, "TIMERS_MAX", 2),
    "pages of outstanding tasks": (recovery, "PAGE", 3),
    "pages of history": (reading, "PAGE_BYTES_MAX", 300),
    "pages of timers": (timers, "PAGE", 2),
    "pages of backlog": (dispatching, "PAGE", 2),
    "pages of leases": (leases, "SCAN_PAGE", 2),
    "windows of queues": (memory_server, "WINDOW_MIN", 2),
    "requests of an envelope": (outgoing, "ENVELOPE_REQUESTS_MAX", 2),
    "content of a request": (sending, "SEND_BYTES_MAX", 100),
    "tasks of a read": (task_reader, "READ_MAX", 1),
}
"""Module, name, and the low value."""

ALWAYS: list[tuple[ModuleType, str, int]] = [
    (transport, "_REPLIES_TTL_MS", 16_000),
]
"""Set low in every scenario: the reply stream of a dead process stays for so long, and a run waits for that."""


def draw(dice: random.Random) -> tuple[str, ...]:
    """Each of them in a third of the scenarios."""
    return tuple(name for name in KNOBS if dice.random() < 0.33)


@contextlib.contextmanager
def turned(names: Iterable[str]) -> Iterator[None]:
    """Set these low while the block runs, and what is always low."""
    with contextlib.ExitStack() as stack:
        for module, name, low in [*ALWAYS, *(KNOBS[knob] for knob in names)]:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, low)
        yield
