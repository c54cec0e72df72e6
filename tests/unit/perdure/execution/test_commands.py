"""The ledger of commands: each event of the history must match, in order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import WorkflowTaskError
from perdure.execution.commands import CommandLedger, IssuedCommand
from perdure.protocol import commands as cmd, events as ev
from perdure.protocol.events import EventType, HistoryEvent
from perdure.workflow import NondeterminismError
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=5)


def _event(kind: EventType, attributes: Any, event_id: int = 5) -> HistoryEvent:
    return HistoryEvent(event_id, 0, int(kind), attributes)


def test_commands_are_taken_once_and_matched_in_order() -> None:
    ledger = CommandLedger()
    ledger.issue(IssuedCommand(cmd.CancelTimer("1")))
    dropped = IssuedCommand(cmd.CancelTimer("2"))
    ledger.issue(dropped)
    dropped.command = None
    ledger.close(cmd.CompleteWorkflowExecution(b""))
    ledger.close(cmd.CompleteWorkflowExecution(b"again"))
    ledger.issue(IssuedCommand(cmd.CancelTimer("3")))
    assert ledger.take() == [cmd.CancelTimer("1"), cmd.CompleteWorkflowExecution(b"")]
    assert ledger.take() == []
    ledger.match(_event(EventType.TIMER_CANCELED, ev.TimerCanceled("1", 0, 0)), str)
    with pytest.raises(
        NondeterminismError, match="issues CompleteWorkflowExecution, but the history has no event of it"
    ):
        ledger.check_all_matched(9)
    ledger.match(_event(EventType.WORKFLOW_EXECUTION_COMPLETED, ev.WorkflowExecutionCompleted(b"", 4)), str)
    ledger.check_all_matched(9)


def test_a_stale_instance_is_not_taken_for_the_one_that_asked() -> None:
    ledger = CommandLedger()
    ledger.issue(IssuedCommand(cmd.CancelTimer("1")))
    ledger.take()
    with pytest.raises(WorkflowTaskError, match="event 5 is an activity that this instance asked for; it did not"):
        ledger.match_as_asked(5, 1)
    with pytest.raises(WorkflowTaskError):
        CommandLedger().match_as_asked(5, 1)


def test_an_event_without_a_command_says_where_the_workflow_waits() -> None:
    event = _event(EventType.TIMER_STARTED, ev.TimerStarted("7", 100, 4))
    with pytest.raises(NondeterminismError) as caught:
        CommandLedger().match(event, lambda: "flow.py:3 in run")
    assert str(caught.value).startswith(
        "event 5 of the history is TimerStarted (id '7', 100 ms), but the workflow now issues no command there "
        "(it waits at flow.py:3 in run)"
    )


OTHERS = [
    (
        cmd.RequestCancelActivityTask(3),
        EventType.ACTIVITY_TASK_CANCEL_REQUESTED,
        ev.ActivityTaskCancelRequested(4, 0),
    ),
    (cmd.CancelTimer("1"), EventType.TIMER_CANCELED, ev.TimerCanceled("2", 0, 0)),
    (cmd.CancelTimer("1"), EventType.TIMER_STARTED, ev.TimerStarted("1", 0, 0)),
    (
        cmd.CompleteWorkflowExecution(b""),
        EventType.WORKFLOW_EXECUTION_CANCELED,
        ev.WorkflowExecutionCanceled(b"", 0),
    ),
]


@pytest.mark.parametrize(("command", "kind", "attributes"), OTHERS)
def test_another_command_does_not_match(command: cmd.Command, kind: EventType, attributes: Any) -> None:
    event = _event(kind, attributes)
    assert not IssuedCommand(command).matches(event)
    ledger = CommandLedger()
    ledger.issue(IssuedCommand(command, "flow.py:9 in run"))
    ledger.take()
    with pytest.raises(NondeterminismError, match=r"\(at flow.py:9 in run\)"):
        ledger.match(event, str)


# Changes of the code ------------------------------------------------------------------------------------------------


@workflow.defn(name="flow")
async def original() -> None:
    await workflow.execute_activity("first", start_to_close_timeout=TIMEOUT)
    await asyncio.sleep(1)


@workflow.defn(name="flow")
async def renamed() -> None:
    await workflow.execute_activity("other", start_to_close_timeout=TIMEOUT)


@workflow.defn(name="flow")
async def shortened() -> None:
    return None


@workflow.defn(name="flow")
async def lengthened() -> None:
    handle = workflow.start_activity("first", start_to_close_timeout=TIMEOUT)
    await asyncio.sleep(1)
    await handle


@workflow.defn(name="flow")
async def waits_instead() -> None:
    await workflow.execute_activity("first", start_to_close_timeout=TIMEOUT)
    await workflow.wait_condition(lambda: False)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            renamed,
            r"event 5 .*activity 'first'.* now issues ScheduleActivityTask \(activity 'other'.*test_commands.py:",
        ),
        (shortened, r"event 5 .* now issues CompleteWorkflowExecution"),
        (
            lengthened,
            r"now issues StartTimer .*test_commands.py:\d+ in lengthened\), but the history has no event of it",
        ),
        (waits_instead, r"event 11 .*TimerStarted.* issues no command there \(it waits at .*in waits_instead"),
    ],
)
def test_a_change_is_noticed_and_the_line_is_named(changed: Any, words: str) -> None:
    story = Story(original)
    story.task()
    story.complete_activity("1")
    story.task()
    with pytest.raises(NondeterminismError, match=words):
        story.replay(changed)
