"""A hundred recorded histories of every kind replay against the code that wrote them, and against nothing else."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType
from perdure.worker import Replayer
from perdure.workflow import NondeterminismError
from tests.golden.catalogue import TALES, WORKFLOWS
from tests.golden.recording import recorded

HISTORIES = recorded()
COMMANDS_OF_WORKFLOWS = frozenset(
    {
        EventType.ACTIVITY_TASK_SCHEDULED,
        EventType.TIMER_STARTED,
        EventType.MARKER_RECORDED,
        EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    }
)


def test_there_are_a_hundred_and_each_has_its_tale() -> None:
    assert len(HISTORIES) >= 100
    assert set(HISTORIES) == {tale.name for tale in TALES}, "run `python -m tests.golden.record`"


def test_they_have_events_of_every_kind_but_these() -> None:
    found = {event.event_type for history in HISTORIES.values() for event in history.events}
    missing = {kind.name for kind in EventType if kind < 1000} - {EventType(kind).name for kind in found}
    assert missing <= NOT_RECORDED


NOT_RECORDED: set[str] = {
    "WORKFLOW_TASK_TIMED_OUT",
    "WORKFLOW_TASK_FAILED",
    "WORKFLOW_EXECUTION_UPDATE_ADMITTED",
    "WORKFLOW_EXECUTION_UPDATE_REJECTED",
}
"""Types of which no tale tells: a replay passes them over, or nobody has told of them yet."""


@pytest.mark.parametrize("name", HISTORIES)
async def test_it_replays(name: str) -> None:
    await Replayer(workflows=WORKFLOWS).replay_workflow(HISTORIES[name])


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_command_that_is_left_out_is_missed(name: str) -> None:
    """A reader that lost an event would not go unnoticed."""
    history = HISTORIES[name]
    kept = [event for event in history.events if event.event_type not in COMMANDS_OF_WORKFLOWS]
    if len(kept) == len(history.events):
        return
    with pytest.raises(NondeterminismError, match="history"):
        await Replayer(workflows=WORKFLOWS).replay_workflow(type(history)(name, kept, history.run_id))
