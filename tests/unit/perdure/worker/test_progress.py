"""Whether a worker makes progress."""

from __future__ import annotations

from perdure.worker.progress import WorkerProgress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_that_beats_is_well_and_one_that_stands_still_is_not() -> None:
    clock = Clock()
    progress = WorkerProgress(clock)
    clock.now += 1000
    assert progress.problem(30) is None, "it has not begun"
    progress.beat(3, is_blocked=False)
    clock.now += 30
    assert progress.problem(30) is None
    clock.now += 1
    assert progress.problem(30) == "the event loop has not run for 31 s: something blocks it"
    progress.beat(3, is_blocked=False)
    assert progress.problem(30) is None
    assert progress.held == 3


def test_a_read_that_never_ends_is_a_problem() -> None:
    clock = Clock()
    progress = WorkerProgress(clock)
    progress.beat(0, is_blocked=False)
    progress.reads("one")
    progress.reads("other")
    progress.has_read("one")
    clock.now += 31
    progress.beat(0, is_blocked=False)
    assert progress.problem(30) == "no answer of the server for 31 s, where one is due every 2 s"
    progress.has_read("other")
    assert progress.problem(30) is None


def test_slots_that_nobody_gets_back_are_a_problem() -> None:
    clock = Clock()
    progress = WorkerProgress(clock)
    for _ in range(32):
        progress.beat(2, is_blocked=True)
        clock.now += 1
    assert "told to stop and do not" in (progress.problem(30) or "")
    progress.beat(1, is_blocked=False)
    assert progress.problem(30) is None
