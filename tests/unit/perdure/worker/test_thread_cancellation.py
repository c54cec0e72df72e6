"""An exception raised in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from perdure.exceptions import CancelledError
from perdure.worker.thread_cancellation import ThreadCancellation


class Run:
    """A function in a thread, and how it ended."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.cancellation = ThreadCancellation()
        self.started = threading.Event()
        self.outcome: Any = None
        self._thread = threading.Thread(target=self._run, args=(function,))
        self._thread.start()

    def _run(self, function: Callable[..., Any]) -> None:
        try:
            self.outcome = self.cancellation.run(function, (self,))
        except CancelledError:
            self.outcome = "cancelled"

    def join(self) -> Any:
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.outcome


def _spin(run: Run) -> None:
    run.started.set()
    never = threading.Event()
    while True:
        never.wait(0.001)


def test_it_is_raised_in_the_thread() -> None:
    run = Run(_spin)
    run.started.wait()
    run.cancellation.cancel()
    run.cancellation.cancel()
    assert run.join() == "cancelled"


def test_a_shield_holds_it_back_until_its_end() -> None:
    wanted = threading.Event()

    def shielded(run: Run) -> str:
        seen = []
        try:
            with run.cancellation.shield(), run.cancellation.shield():
                run.started.set()
                wanted.wait()
                seen.append("finished")
        except CancelledError:
            seen.append("then cancelled")
        with run.cancellation.shield():
            seen.append("once")
        return ",".join(seen)

    run = Run(shielded)
    run.started.wait()
    run.cancellation.cancel()
    wanted.set()
    assert run.join() == "finished,then cancelled,once"


def test_before_it_begins_it_does_not_begin() -> None:
    cancellation = ThreadCancellation()
    cancellation.cancel()
    with pytest.raises(CancelledError, match="before it began"):
        cancellation.run(print, ("never",))


def test_after_the_end_it_means_nothing() -> None:
    run = Run(lambda run: "done")
    assert run.join() == "done"
    run.cancellation.cancel()
    assert run.outcome == "done"
