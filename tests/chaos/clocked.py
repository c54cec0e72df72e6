"""Runs a module as `python -m` does, on a wall clock that a campaign may set: `clocked CLOCK MODULE [ARGUMENT...]`.

Role: the injected clock. Before any of our packages is imported, `time.time` and `time.time_ns` are replaced by
functions that add what the file CLOCK holds (nanoseconds, 8 bytes), which the campaign may change at any moment: the
process's clock jumps. The monotonic clock is left alone, as a set clock of a machine leaves it alone.

A thread tells, whenever the named pipe CLOCK.census is opened for writing, what the process holds: see `census`.
"""

from __future__ import annotations

import mmap
import runpy
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_OFFSET = struct.Struct("<q")


class ClockFile:
    """The campaign's side: sets the clocks of the processes that were started with this file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skew_seconds = 0.0
        path.write_bytes(_OFFSET.pack(0))

    def set_skew(self, seconds: float) -> None:
        self.skew_seconds = seconds
        with self.path.open("r+b") as file:
            file.write(_OFFSET.pack(round(seconds * 1e9)))


def skewed_clock(path: Path) -> Callable[[], int]:
    """Nanoseconds since 1970, with the skew that stands in the file at each call."""
    with path.open("r+b") as file:
        offset = mmap.mmap(file.fileno(), _OFFSET.size)
    real, unpack = time.time_ns, _OFFSET.unpack_from

    def time_ns() -> int:
        skew: int = unpack(offset)[0]
        return real() + skew

    return time_ns


def main() -> None:
    clock, module = Path(sys.argv[1]), sys.argv[2]
    time_ns = skewed_clock(clock)
    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
    from tests.chaos.census import (
        answer_census,
    )  # here: it imports packages of ours, which keep the clock that they find

    threading.Thread(target=answer_census, args=(clock,), name="census", daemon=True).start()
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
