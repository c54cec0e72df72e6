"""Whether a worker makes progress, and what keeps it from doing so: for whoever decides that it is to be replaced.

Rules:
- A task that takes long is no reason, nor are servers that are away: another process would be no better off.
- What is looked at is written by the event loop's thread alone, and read by others.
"""

from __future__ import annotations

from collections.abc import Callable

BEAT_S = 1.0
"""How often the event loop says that it runs."""


class WorkerProgress:
    """Times are of the worker's monotonic clock.

    Attributes:
        beaten_at: When the event loop last ran; None: it has not begun.
        held: Activities that are here.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.beaten_at: float | None = None
        self.held = 0
        self._reading_since: dict[object, float] = {}
        self._unwanted_since: float | None = None

    # The event loop's thread -----------------------------------------------------------------------------------------
    def beat(self, held: int, *, is_blocked: bool) -> None:
        """The loop runs. `is_blocked`: no slot is free, and whatever has one was told to stop."""
        self.beaten_at = self._now()
        self.held = held
        if not is_blocked:
            self._unwanted_since = None
        elif self._unwanted_since is None:
            self._unwanted_since = self.beaten_at

    def reads(self, reader: object) -> None:
        """A reader asked the server for tasks, and waits for its answer."""
        self._reading_since[reader] = self._now()

    def has_read(self, reader: object) -> None:
        """There was an answer, if only that the server is away."""
        self._reading_since.pop(reader, None)

    # Any thread ------------------------------------------------------------------------------------------------------
    def problem(self, limit_s: float) -> str | None:
        """What has been wrong for longer than the limit; None if nothing is."""
        now = self._now()
        if self.beaten_at is None:
            return None
        stuck_s = now - self.beaten_at
        if stuck_s > limit_s:
            return f"the event loop has not run for {stuck_s:.0f} s: something blocks it"
        for since in list(self._reading_since.values()):
            if now - since > limit_s:
                return f"no answer of the server for {now - since:.0f} s, where one is due every 2 s"
        unwanted_since = self._unwanted_since
        if unwanted_since is not None and now - unwanted_since > limit_s:
            return (
                f"all slots have been taken for {now - unwanted_since:.0f} s by activities that were told to stop and "
                "do not: give them time limits, and let them run in processes, which can be killed"
            )
        return None
