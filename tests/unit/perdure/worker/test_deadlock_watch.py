"""Workflow code that does not give the thread back, and loses it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from perdure import workflow
from perdure.exceptions import WorkflowTaskError
from perdure.execution.instance import WorkflowInstance
from perdure.worker.deadlock_watch import DeadlockWatch, WorkflowStuckError
from tests.waiting import wait_until_blocking
from tests.workflow_story import Story


@workflow.defn
async def stuck() -> None: ...


@pytest.fixture
def instance() -> WorkflowInstance:
    return Story(stuck).instance


@pytest.fixture
def watch() -> Iterator[DeadlockWatch]:
    watch = DeadlockWatch(0.05)
    watch.start()
    yield watch
    watch.stop()


def _spin() -> None:
    while True:
        pass


def test_endless_code_loses_the_thread(
    watch: DeadlockWatch, instance: WorkflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WorkflowStuckError, match=r"'stuck' kept the thread .* in _spin") as caught:
        watch.guard(instance, _spin)
    assert isinstance(caught.value, WorkflowTaskError)
    stack = str(caught.value).partition("It stood here:\n")[2]
    assert stack.splitlines()[0].strip().startswith(f'File "{__file__}", line ')
    assert stack.splitlines()[0].endswith("in _spin"), "the worker's own lines are left out"
    assert stack.splitlines()[1].strip() in ("while True:", "pass")
    (record,) = caplog.records
    assert "Workflow 'stuck' (id 'wf'" in record.getMessage()
    assert "in _spin" in record.getMessage()


def test_code_that_catches_everything_is_interrupted_again(
    watch: DeadlockWatch, instance: WorkflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    caught: list[BaseException] = []

    def stubborn() -> None:
        while len(caught) < 3:
            try:
                _spin()
            except BaseException as error:
                caught.append(error)

    with pytest.raises(WorkflowStuckError):
        watch.guard(instance, stubborn)
    assert len(caught) == 3
    assert len(caplog.records) == 1, "it is reported once"


def test_what_it_raises_instead_is_the_cause(watch: DeadlockWatch, instance: WorkflowInstance) -> None:
    def replaces() -> None:
        try:
            _spin()
        finally:
            raise ValueError("my own")

    with pytest.raises(WorkflowStuckError) as caught:
        watch.guard(instance, replaces)
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_interruption_never_comes_after_the_guard(watch: DeadlockWatch, instance: WorkflowInstance) -> None:
    """Code that ends just when its time is over: what was meant for it must not reach the worker."""
    never = threading.Event()
    for number in range(24):
        with contextlib.suppress(WorkflowStuckError):
            watch.guard(instance, never.wait, 0.04 + number * 0.001)
        sum(range(2_000))  # between its bytecodes it would come
    assert watch._running is None


async def test_the_workers_own_loop_runs_on(watch: DeadlockWatch) -> None:
    @workflow.defn
    class Endless:
        @workflow.run
        async def run(self) -> None:
            _spin()

    story = Story(Endless)
    events = story.events
    loop = asyncio.get_running_loop()
    with pytest.raises(WorkflowStuckError):
        watch.guard(story.instance, story.instance.activate, events, story.now_us, events[-1].event_id)
    assert asyncio.get_running_loop() is loop
    await asyncio.sleep(0)


def test_an_instance_that_will_not_be_closed_is_let_go(
    watch: DeadlockWatch, instance: WorkflowInstance, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkflowInstance, "close", lambda self: _spin())
    with caplog.at_level(logging.WARNING):
        watch.close(instance)
    assert "against its will" in caplog.text


def test_progress_and_rest_are_no_deadlock(instance: WorkflowInstance, caplog: pytest.LogCaptureFixture) -> None:
    watch = DeadlockWatch(0.5)
    watch.start()
    began = time.monotonic()

    def progress() -> bool:
        instance.history_length += 1
        return time.monotonic() - began > 1

    watch.guard(instance, lambda: wait_until_blocking(progress, what="twice the limit, in small steps"))
    assert watch.guard(instance, int) == 0
    watch.stop()
    assert not caplog.records


def test_without_a_limit_there_is_no_watch(instance: WorkflowInstance) -> None:
    watch = DeadlockWatch(0)
    watch.start()
    assert watch.guard(instance, int, 7) == 7
    watch.stop()
    assert watch.thread_id == 0
