"""The private loop: what asyncio may ask of it, and what not."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from perdure import workflow
from perdure.execution.event_loop import WorkflowEventLoop, WorkflowEvicted
from perdure.workflow import WorkflowIOError
from tests.workflow_story import Story


@workflow.defn
class Probe:
    """Runs a function of the test inside of a workflow."""

    function: Any = None

    @workflow.run
    async def run(self) -> Any:
        return await type(self).function()


def _inside(function: Any) -> Any:
    Probe.function = staticmethod(function)
    story = Story(Probe)
    story.task()
    return story.result


async def test_the_outer_loop_comes_back() -> None:
    outer = asyncio.get_running_loop()

    async def look() -> list[bool]:
        loop = asyncio.get_running_loop()
        return [loop is outer, loop.is_running(), loop.is_closed(), loop.get_debug()]

    assert _inside(look) == [False, True, False, False]
    assert asyncio.get_running_loop() is outer
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("forbidden", "words"),
    [
        (lambda: asyncio.to_thread(len, ""), "run_in_executor cannot be replayed.*threads"),
        (lambda: asyncio.open_connection("127.0.0.1", 1), "create_connection cannot be replayed"),
        (lambda: asyncio.create_subprocess_shell("true"), "subprocess_shell cannot be replayed"),
    ],
)
def test_the_world_outside_is_refused_with_a_cure(forbidden: Any, words: str) -> None:
    with pytest.raises(WorkflowIOError, match=words):
        _inside(forbidden)


def test_a_callback_may_be_taken_back() -> None:
    async def callbacks() -> list[int]:
        seen: list[int] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(seen.append, 1)
        loop.call_soon(seen.append, 2).cancel()
        loop.call_later(0, seen.append, 3)
        loop.call_later(0, seen.append, 4).cancel()
        loop.call_at(loop.time() - 1, seen.append, 5)
        await asyncio.sleep(0)
        return seen

    assert _inside(callbacks) == [1, 3, 5]


def test_tasks_have_names_and_an_order_that_replay_repeats() -> None:
    async def names() -> list[Any]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
        await asyncio.gather(*tasks)
        return [[task.get_name() for task in tasks], [hash(task) for task in set(tasks)]]

    first = _inside(names)
    assert first == _inside(names)
    assert first[0] == ["Task-2", "Task-3", "Task-4"]


def test_finished_tasks_are_not_kept() -> None:
    async def many() -> int:
        for _ in range(1_000):
            await asyncio.create_task(asyncio.sleep(0))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, WorkflowEventLoop)
        return len(loop._tasks)

    assert _inside(many) < 200


def test_an_error_that_nobody_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def forgotten() -> None:
        async def fail() -> None:
            raise ValueError("lost")

        asyncio.create_task(fail()).set_name("forgotten")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING):
        Probe.function = staticmethod(forgotten)
        story = Story(Probe)
        story.task()
        story.instance.close()
    assert "ValueError: lost" in caplog.text


def test_a_coroutine_that_will_not_go_is_let_be(caplog: pytest.LogCaptureFixture) -> None:
    @workflow.defn
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except BaseException:
                continue

    story = Story(stubborn)
    story.task()
    with caplog.at_level(logging.WARNING):
        story.instance.close()
    assert "cannot be let go" in caplog.text


def test_what_a_workflow_raises_while_it_is_closed_is_nobodys_business() -> None:
    @workflow.defn
    async def angry() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("go away")

    story = Story(angry)
    story.task()
    story.instance.close()
    loop = story.instance.loop
    with loop, pytest.raises(WorkflowEvicted):
        loop.create_future()
    with pytest.raises(WorkflowEvicted):
        loop.call_later(1, print)
    assert story.instance.is_complete
