"""Whatever a workflow does and whatever happens to it: its history replays to the same commands."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import given, settings, strategies as st

from perdure import workflow
from perdure.exceptions import ActivityError
from perdure.protocol.commands import CancelTimer, RequestCancelActivityTask, ScheduleActivityTask, StartTimer
from tests.workflow_story import Story

STEPS_MAX = 40


@workflow.defn
class Interpreter:
    """Runs a small program: nested lists of an operation and what it works on."""

    def __init__(self) -> None:
        self.signals: list[str] = []

    @workflow.run
    async def run(self, program: list[Any]) -> list[Any]:
        return await self._do(program)

    @workflow.signal(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def poke(self, text: str) -> None:
        self.signals.append(text)
        if text == "slow":
            await workflow.sleep(2)
            self.signals.append("slept")

    async def _do(self, node: list[Any]) -> list[Any]:
        operation, *rest = node
        try:
            return [operation, await getattr(self, f"_{operation}")(*rest)]
        except (ActivityError, TimeoutError) as error:
            return [operation, type(error).__name__]

    async def _activity(self, cancellation: int) -> Any:
        return await workflow.execute_activity(
            "work",
            start_to_close_timeout=timedelta(seconds=9),
            cancellation_type=workflow.ActivityCancellationType(cancellation),
        )

    async def _handle(self, cancelled_after: float) -> Any:
        handle = workflow.start_activity("work", start_to_close_timeout=timedelta(seconds=9))
        done, _ = await workflow.wait([handle], timeout=cancelled_after)
        if not done:
            handle.cancel()
        return await handle

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _signals(self, count: int, timeout: float) -> int:
        await workflow.wait_condition(lambda: len(self.signals) >= count, timeout=timeout)
        return len(self.signals)

    async def _dice(self) -> list[Any]:
        return [workflow.random().random(), str(workflow.uuid4()), workflow.time()]

    async def _sequence(self, *nodes: list[Any]) -> list[Any]:
        return [await self._do(node) for node in nodes]

    async def _gather(self, *nodes: list[Any]) -> list[Any]:
        return await asyncio.gather(*[self._do(node) for node in nodes])

    async def _race(self, *nodes: list[Any]) -> list[Any]:
        tasks = [asyncio.create_task(self._do(node)) for node in nodes]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return [task.result() for task in done]

    async def _completed(self, *nodes: list[Any]) -> list[Any]:
        return [await finished for finished in workflow.as_completed([self._do(node) for node in nodes])]

    async def _group(self, *nodes: list[Any]) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._do(node)) for node in nodes]
        return [task.result() for task in tasks]

    async def _within(self, seconds: float, node: list[Any]) -> Any:
        async with asyncio.timeout(seconds):
            return await self._do(node)


def _with_parts(parts: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    many = st.lists(parts, min_size=1, max_size=3)
    kinds = st.sampled_from(["sequence", "gather", "race", "completed", "group"])
    return st.builds(lambda kind, nodes: [kind, *nodes], kinds, many) | st.builds(
        lambda seconds, node: ["within", seconds, node], st.sampled_from([1, 3]), parts
    )


LEAVES = (
    st.builds(lambda kind: ["activity", kind], st.sampled_from([0, 1, 2]))
    | st.builds(lambda seconds: ["handle", seconds], st.sampled_from([1, 2]))
    | st.builds(lambda seconds: ["sleep", seconds], st.sampled_from([0, 1, 2]))
    | st.builds(lambda count: ["signals", count, 4], st.sampled_from([0, 1, 3]))
    | st.just(["dice"])
)
PROGRAMS = st.recursive(LEAVES, _with_parts, max_leaves=8)


class World:
    """What may still happen to a story."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.activities: list[str] = []
        self.scheduled: dict[int, str] = {}
        self.asked: list[str] = []
        self.timers: list[str] = []

    def note(self) -> None:
        """Take in the commands of the last task."""
        for command in self.story.commands:
            match command:
                case ScheduleActivityTask():
                    self.activities.append(command.activity_id)
                case StartTimer():
                    self.timers.append(command.timer_id)
                case CancelTimer():
                    self.timers.remove(command.timer_id)
                case RequestCancelActivityTask():
                    event = self.story.events[command.scheduled_event_id - 1]
                    self.asked.append(event.attributes.activity_id)

    def happen(self, draw: Any) -> None:
        """One of the things that may happen."""
        story = self.story
        choices = ["signal"] + ["activity"] * (2 * bool(self.activities)) + ["timer"] * (2 * bool(self.timers))
        match draw(st.sampled_from(choices)):
            case "activity":
                activity_id = self.activities.pop(draw(st.integers(0, len(self.activities) - 1)))
                if activity_id in self.asked and draw(st.booleans()):
                    story.confirm_activity_cancelled(activity_id)
                elif draw(st.integers(0, 3)) == 0:
                    story.fail_activity(activity_id)
                else:
                    story.complete_activity(activity_id, activity_id)
            case "timer":
                story.fire_timer(self.timers.pop(draw(st.integers(0, len(self.timers) - 1))))
            case _:
                story.signal("poke", draw(st.sampled_from(["fast", "slow"])))


@settings(max_examples=150, deadline=None)
@given(PROGRAMS, st.data())
def test_a_history_replays_to_the_same_commands(program: list[Any], data: st.DataObject) -> None:
    story = Story(Interpreter, program)
    world = World(story)
    is_cancelled = False
    for _ in range(STEPS_MAX):
        if story.is_task_pending:
            what = data.draw(st.sampled_from(["go on"] * 6 + ["forget", "fail"]))
            if what == "forget":
                story.forget()
            elif what == "fail":
                story.fail_task()
            scheduled, now_us = story.events[-1], story.now_us
            whole = list(story.events)
            live = story.task()
            again = story.new_instance()
            assert again.activate(whole, now_us, scheduled.event_id) == live
            again.close()
            world.note()
        if story.is_closed:
            break
        if not is_cancelled and data.draw(st.integers(0, 15)) == 0:
            is_cancelled = True
            story.request_cancel()
        else:
            world.happen(data.draw)
    story.replay().close()
    story.instance.close()
