"""A replay under the debugger: where it stops, and what it leaves alone."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from perdure import workflow
from perdure.client import WorkflowHistory
from perdure.exceptions import WorkflowTaskError
from perdure.protocol.events import EventType
from perdure.worker import Replayer
from perdure.worker.replay_debugger import ReplayDebugger
from tests.workflow_story import Story


@workflow.defn
class Rounds:
    @workflow.run
    async def run(self, count: int) -> int:
        total = 0
        for number in range(count):
            total += await workflow.execute_activity("draw", number, start_to_close_timeout=timedelta(seconds=5))
        return total


@workflow.defn(name="Rounds")
class Changed:
    @workflow.run
    async def run(self, count: int) -> None:
        await workflow.sleep(count)


@pytest.fixture
def history() -> WorkflowHistory:
    story = Story(Rounds, 2)
    story.task()
    for activity_id, drawn in (("1", 40), ("2", 2)):
        story.complete_activity(activity_id, drawn)
        story.task()
    assert story.result == 42
    return WorkflowHistory("wf", story.events)


def events_of(history: WorkflowHistory, kind: EventType) -> list[int]:
    return [event.event_id for event in history.events if event.event_type == kind]


async def debugged(history: WorkflowHistory, event_id: int, *orders: str) -> str:
    """What the debugger says to these orders."""
    output = io.StringIO()
    debugger = ReplayDebugger(stdin=io.StringIO("".join(f"{order}\n" for order in orders)), stdout=output)
    debugger.use_rawinput = False
    await Replayer(workflows=[Rounds]).debug_workflow(history, event_id=event_id, debugger=debugger)
    return output.getvalue()


async def test_it_stops_at_the_workflows_first_line(history: WorkflowHistory) -> None:
    output = await debugged(history, 1, "p count", "continue")
    assert "-> total = 0" in output
    assert "(Pdb) 2\n" in output


async def test_it_stops_where_an_event_is_seen(history: WorkflowHistory) -> None:
    first, second = (
        event.event_id for event in history.events if type(event.attributes).__name__ == "ActivityTaskCompleted"
    )
    assert "(Pdb) (40, 0)\n" in await debugged(history, first, "p total, number", "continue")
    output = await debugged(history, second, "p total, number", "next", "next", "continue")
    assert "(Pdb) (42, 1)\n" in output
    assert "-> return total" in output
    assert "event_loop" not in output.replace("run_until_idle", ""), "it stops in the user's code alone"


async def test_it_stops_where_an_event_was_asked_for(history: WorkflowHistory) -> None:
    second = [event.event_id for event in history.events if type(event.attributes).__name__ == "ActivityTaskScheduled"][
        1
    ]
    output = await debugged(history, second, "p total, number", "next", "next", "p number", "continue")
    assert "(Pdb) (40, 0)\n" in output
    assert "(Pdb) 1\n" in output


async def test_it_may_be_left(history: WorkflowHistory) -> None:
    assert "-> total = 0" in await debugged(history, 1, "quit")


async def test_a_place_that_no_code_has_seen(history: WorkflowHistory) -> None:
    with pytest.raises(ValueError, match="has no event 99; its last is"):
        await debugged(history, 99)
    opened = WorkflowHistory("wf", history.events[:8])
    with pytest.raises(ValueError, match="no workflow task was completed after event 7"):
        await debugged(opened, 7)


async def test_it_says_where_the_replay_parts(history: WorkflowHistory) -> None:
    debugger = ReplayDebugger(stdin=io.StringIO("continue\n"), stdout=io.StringIO())
    debugger.use_rawinput = False
    with pytest.raises(workflow.NondeterminismError, match="event 5"):
        await Replayer(workflows=[Changed]).debug_workflow(history, debugger=debugger)
    with pytest.raises(WorkflowTaskError, match="must begin with"):
        await Replayer(workflows=[Changed]).debug_workflow(WorkflowHistory("wf", []))
