"""What was executed, and when: one record an execution, appended to one file by all worker processes of a turn.

A contender's word that a task is done is not taken for it: the task itself writes its number down, for Perdure as for
everybody else, at the price of one short write (a microsecond or two). A number that is missing or stands twice fails
the run. Node writes the same records (`bench/peers/node/tally.js`)."""

from __future__ import annotations

import functools
import os
import struct
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "PERDURE_BENCH_TALLY"
"""Names the file to the processes of a turn."""

RECORD = struct.Struct("<qq")
"""Number of the task, and nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share."""

POLL_INTERVAL_S = 0.001
NAMED_MAX = 5
"""Numbers that a complaint names."""


class TallyError(RuntimeError):
    """Tasks were not executed, or were executed more than once."""


@functools.cache
def _file() -> int:
    """Opened once a process, and inherited by its children: appended records never mix."""
    return os.open(os.environ[ENVIRONMENT], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def record(number: int) -> None:
    """Called by the task itself."""
    os.write(_file(), RECORD.pack(number, time.monotonic_ns()))


@dataclass(frozen=True)
class Tally:
    """The file, for those who read it."""

    path: Path

    @staticmethod
    def of_environment() -> Tally:
        return Tally(Path(os.environ[ENVIRONMENT]))

    def begin(self) -> None:
        """Forget the run before."""
        self.path.write_bytes(b"")

    @property
    def executed(self) -> int:
        """How many executions there were so far."""
        return self.path.stat().st_size // RECORD.size

    def wait_full(self, count: int, timeout_s: float) -> None:
        """Until so many executions were written down.

        Raises:
            TallyError: they were not, in so much time.
        """
        deadline = time.monotonic() + timeout_s
        while self.executed < count:
            if time.monotonic() > deadline:
                raise TallyError(f"{self.executed:,} of {count:,} tasks were executed in {timeout_s:.0f} s")
            time.sleep(POLL_INTERVAL_S)

    def executions(self, count: int) -> list[int]:
        """The nanosecond at which each of the tasks 0 to `count` - 1 was executed.

        Raises:
            TallyError: one was not, or more than once.
        """
        records = list(RECORD.iter_unpack(self.path.read_bytes()))
        complaint = _complaint(Counter(number for number, _ in records), count)
        if complaint:
            raise TallyError(complaint)
        return [at for _, at in sorted(records)]


def _complaint(times: Counter[int], count: int) -> str:
    missing = [number for number in range(count) if number not in times]
    repeated = [number for number, executions in times.items() if executions > 1]
    foreign = [number for number in times if not 0 <= number < count]
    found = (
        ("not executed", missing),
        ("executed more than once", repeated),
        ("executed, but never asked for", foreign),
    )
    return "; ".join(
        f"{len(numbers):,} of {count:,} tasks {what}: {', '.join(map(str, numbers[:NAMED_MAX]))}"
        for what, numbers in found
        if numbers
    )


def drain_rate(executions: list[int], warm_up: float = 0.1) -> float:
    """Tasks a second from the moment at which the given share of them was done until the last one was."""
    ordered = sorted(executions)
    first = int(len(ordered) * warm_up)
    return (len(ordered) - 1 - first) / max(ordered[-1] - ordered[first], 1) * 1e9
