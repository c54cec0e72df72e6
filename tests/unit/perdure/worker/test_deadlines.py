"""Many deadlines on one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perdure.worker.deadlines import Deadlines


class Clock:
    """An event loop's clock and timer, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], Any]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], Any]) -> Any:
        entry = (when, callback)
        self.timers.append(entry)

        class Handle:
            def when(self) -> float:
                return when

            def cancel(_self) -> None:  # the outer self is needed
                self.timers.remove(entry)

        return Handle()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end


def test_each_is_called_at_its_time_by_one_timer() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, 0.1)  # type: ignore[arg-type]
    seen: list[str] = []
    deadlines.after(60, lambda: seen.append("minute"))
    deadlines.after_delay(lambda: seen.append("delay"))
    deadlines.after(0.05, lambda: seen.append("soon"))
    assert len(clock.timers) == 1
    clock.advance(0.07)
    assert seen == ["soon"]
    clock.advance(0.07)
    assert seen == ["soon", "delay"]
    deadlines.after_delay(lambda: seen.append("again"))
    clock.advance(0.2)
    clock.advance(60)
    assert seen == ["soon", "delay", "again", "minute"]
    assert not clock.timers


def test_nothing_is_called_after_closing() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, 0.1)  # type: ignore[arg-type]
    deadlines.after_delay(lambda: 1 / 0)
    deadlines.after(1, lambda: 1 / 0)
    deadlines.close()
    deadlines.close()
    clock.advance(5)
    assert not clock.timers


async def test_on_a_real_loop() -> None:
    done = asyncio.Event()
    deadlines = Deadlines(asyncio.get_running_loop(), 0.01)
    deadlines.after_delay(done.set)
    await done.wait()
    deadlines.close()
