"""One place for a process of a campaign: an engine, a worker or a client that is started again when it has gone.

Role: a supervisor as every deployment has one, and the hands that kill, stop and wake. What ends by itself is written
down; only a process that finds no server at its start may do that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.census import Census, ask_census, read_census
from tests.chaos.clocked import ClockFile
from tests.cluster import Process
from tests.waiting import wait_until_blocking

EXIT_UNAVAILABLE = 75
"""Of our workers and clients that find no server at their start (EX_TEMPFAIL of sysexits.h)."""

_RUNS = ("The engine is ready", " polls ")
"""In the words of an engine, and of a worker, that has found its servers: from then on it waits for them."""

RESTART_SECONDS = 1.0
"""A process that ended by itself is left alone for so long."""

STOP_SECONDS = 30.0
"""An engine hands over for 15 s at the most, a worker waits for its server twice 5 s."""

_LOG_TAIL = 1500


@dataclass(frozen=True)
class Ending:
    """A process that ended by itself. `is_legal`: it said that a server was away when it started."""

    slot: str
    status: int
    lived_seconds: float
    last_words: str
    is_legal: bool


class Slot:
    """Args:
    may_finish: the process has an end of its own.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        *,
        may_finish: bool = False,
    ) -> None:
        self.name = name
        self._may_finish = may_finish
        self.clock = ClockFile(directory / f"{name}.clock")
        self.endings: list[Ending] = []
        self.starts = 0
        self._command = [sys.executable, "-m", "tests.chaos.clocked", str(self.clock.path), module, *arguments]
        self._directory = directory
        self._environment = environment
        self._process: Process | None = None
        self._is_wanted = False
        self._started_at = 0.0
        self._log_start = 0

    @property
    def log_path(self) -> Path:
        return self._directory / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def exit_status(self) -> int | None:
        """None while it runs, or has never run."""
        return None if self._process is None or self._process.running else self._process.exit_status

    def start(self) -> None:
        self._is_wanted = True
        self.starts += 1
        self._started_at = time.monotonic()
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._process = Process(self.name, self._command, self._directory, self._environment)

    def kill(self) -> None:
        self._is_wanted = False
        if self._process is not None:
            self._process.end()

    def stop(self) -> None:
        """SIGTERM, and wait; kills what does not end in time.

        Raises:
            AssertionError: it had to be killed, with what it wrote.
        """
        self._is_wanted = False
        if self._process is None:
            return
        self._process.ask_to_stop()
        try:
            wait_until_blocking(lambda: not self.is_running, what="its end", timeout_seconds=STOP_SECONDS)
        except AssertionError:
            held = self._holds()
            self._process.end()
            words = self.log_path.read_text(errors="replace")[-_LOG_TAIL:]
            raise AssertionError(
                f"{self.name} did not stop in {STOP_SECONDS:.0f} s; it holds {held}; its last words: {words}"
            ) from None

    def freeze(self) -> None:
        if self.is_running:
            assert self._process is not None
            self._process.freeze()

    def thaw(self) -> None:
        if self.is_running:
            assert self._process is not None
            self._process.thaw()

    def _holds(self) -> Census | None:
        """What the process says it holds; None if it says nothing."""
        with suppress(OSError, AssertionError):
            ask_census(self.clock.path)
            return wait_until_blocking(lambda: read_census(self.clock.path), what="a census", timeout_seconds=5)
        return None

    def resident_bytes(self) -> int:
        return self._process.resident_bytes() if self._process is not None and self._process.running else 0

    def supervise(self) -> None:
        """Look once: start again what ended by itself. To be called now and then."""
        status = self.exit_status
        if not self._is_wanted or status is None or (status == 0 and self._may_finish):
            return
        lived = time.monotonic() - self._started_at
        if lived < RESTART_SECONDS:
            return
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            words = log.read().decode(errors="replace")
        has_failed_to_start = status in (1, EXIT_UNAVAILABLE) and not any(word in words for word in _RUNS)
        is_legal = has_failed_to_start and "Traceback" not in words
        self.endings.append(Ending(self.name, status, round(lived, 1), words[-_LOG_TAIL:], is_legal))
        self.start()
