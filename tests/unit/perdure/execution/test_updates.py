"""The updates of one workflow: validated without a trace, handled where they came, the same on every replay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ApplicationError, CancelledError
from perdure.execution.updates import accepted_updates
from perdure.protocol.events import EventType, HistoryEvent, WorkflowTaskCompleted, WorkflowTaskScheduled
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateForgotten,
    UpdateMessageKind,
    WorkflowExecutionUpdateAccepted,
)
from perdure.workflow import NondeterminismError, ReadOnlyContextError, UnfinishedUpdateHandlersWarning
from tests.workflow_story import Story


@workflow.defn
class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.log: list[Any] = []
        self.is_closed = False

    @workflow.run
    async def run(self) -> list[Any]:
        self.log.append("run")
        await workflow.wait_condition(lambda: self.is_closed)
        return [self.balance, self.log]

    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.log.append(workflow.current_update_info().id)  # type: ignore[union-attr]
        self.balance += amount
        if amount > 100:
            await asyncio.sleep(10)
        return self.balance

    @deposit.validator
    def check(self, amount: int) -> None:
        workflow.random().random()
        if amount + self.balance < 0:
            raise ApplicationError("not enough", self.balance, type="Overdrawn")

    @workflow.update
    def close(self) -> str:
        self.is_closed = True
        return "closed"

    @workflow.update
    def break_down(self) -> None:
        raise RuntimeError("a bug")

    @workflow.update
    def refuse(self) -> None:
        raise ApplicationError("never", type="Never")

    @workflow.update
    def peek(self) -> None: ...

    @peek.validator
    def act(self) -> None:
        self.task = asyncio.create_task(asyncio.sleep(1))

    @workflow.signal
    def give(self, amount: int) -> None:
        self.balance += amount


def messages(story: Story) -> list[tuple[str, UpdateMessageKind]]:
    return [
        (command.update_id, UpdateMessageKind(command.kind))
        for command in story.commands
        if isinstance(command, ProtocolMessage)
    ]


def failure_of(story: Story) -> BaseException:
    [failure] = [c.failure for c in story.commands if isinstance(c, ProtocolMessage) and c.failure is not None]
    return story.converter.from_failure(failure)


def running() -> Story:
    story = Story(Account)
    story.task()
    return story


ACCEPTED, REJECTED, RESPONDED = UpdateMessageKind.ACCEPTANCE, UpdateMessageKind.REJECTION, UpdateMessageKind.RESPONSE


def test_an_update_is_accepted_and_answered_in_one_task() -> None:
    story = running()
    story.update("deposit", 5)
    story.task()
    assert messages(story) == [("u1", ACCEPTED), ("u1", RESPONDED)]
    result = story.commands[-1]
    assert isinstance(result, ProtocolMessage)
    assert story.converter.value_from_bytes(result.result, int) == 5
    story.replay()


def test_a_slow_handler_answers_later() -> None:
    story = running()
    story.update("deposit", 500)
    story.task()
    assert messages(story) == [("u1", ACCEPTED)]
    story.fire_timer()
    story.task()
    assert messages(story) == [("u1", RESPONDED)]
    story.replay()


def test_a_rejection_leaves_no_trace() -> None:
    story, other = running(), running()
    story.update("deposit", -5)
    story.task()
    assert messages(story) == [("u1", REJECTED)]
    error = failure_of(story)
    assert isinstance(error, ApplicationError)
    assert (error.type, error.details) == ("Overdrawn", (0,))
    assert [event.event_type for event in story.events] == [event.event_type for event in other.events]
    assert story.instance.random.random() == other.instance.random.random()  # the validator took nothing of it
    story.update("deposit", 7, update_id="u2")
    story.update("close", update_id="u3")
    story.task()
    assert story.result == [7, ["run", "u2"]]
    story.replay()


def test_a_validator_sees_what_came_before_it() -> None:
    story = running()
    story.signal("give", 5)
    story.update("deposit", -5, update_id="u1")
    story.update("deposit", -5, update_id="u2")
    story.task()
    assert messages(story) == [("u2", REJECTED), ("u1", ACCEPTED), ("u1", RESPONDED)]
    story.replay()


def test_updates_of_the_first_task_come_before_the_workflow() -> None:
    story = Story(Account)
    story.update("deposit", 5)
    story.update("close", update_id="u2")
    story.task()
    assert story.result == [5, ["u1", "run"]]
    story.replay()


def test_what_nobody_handles_is_rejected() -> None:
    story = running()
    story.update("withdraw", 5)
    story.task()
    assert str(failure_of(story)) == (
        "UnknownUpdateError: workflow type 'Account' has no update 'withdraw'; it has: break_down, close, deposit, "
        "peek, refuse"
    )


@pytest.mark.parametrize("arguments", [(), (1, 2), ("text",)])
def test_arguments_that_do_not_fit_are_rejected(arguments: tuple[Any, ...]) -> None:
    story = running()
    story.update("deposit", *arguments)
    story.task()
    assert messages(story) == [("u1", REJECTED)]


def test_a_failure_fails_the_update_alone() -> None:
    story = running()
    story.update("refuse")
    story.task()
    assert messages(story) == [("u1", ACCEPTED), ("u1", RESPONDED)]
    assert str(failure_of(story)) == "Never: never"
    story.replay()


@pytest.mark.parametrize(("update", "error"), [("break_down", RuntimeError), ("peek", ReadOnlyContextError)])
def test_a_bug_fails_the_task(update: str, error: type[Exception]) -> None:
    story = running()
    story.update(update)
    with pytest.raises(error):
        story.task()


def test_a_cancelled_handler_fails_the_update() -> None:
    @workflow.defn
    class Impatient:
        @workflow.run
        async def run(self) -> None:
            await workflow.wait_condition(lambda: False)

        @workflow.update
        async def wait(self) -> None:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(1)

    story = Story(Impatient)
    story.update("wait")
    story.task()
    assert isinstance(failure_of(story), CancelledError)


def test_the_answer_goes_before_the_end() -> None:
    story = running()
    story.update("close")
    story.task()
    assert [type(command).__name__ for command in story.commands] == [
        "ProtocolMessage",
        "ProtocolMessage",
        "CompleteWorkflowExecution",
    ]
    story.replay()


def test_a_workflow_that_leaves_handlers_behind_is_warned_of() -> None:
    story = running()
    story.update("deposit", 500)
    story.update("close", update_id="u2")
    with pytest.warns(UnfinishedUpdateHandlersWarning, match=r"handlers of the updates deposit \(id 'u1'\) were still"):
        story.task()
    story.replay()


def test_code_that_lost_a_handler_does_not_replay() -> None:
    @workflow.defn(name="Account")
    class Changed:
        @workflow.run
        async def run(self) -> None:
            await workflow.wait_condition(lambda: False)

    story = running()
    story.update("deposit", 5)
    story.task()
    assert any(event.event_type == EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED for event in story.events)
    with pytest.raises(NondeterminismError, match=r"says that update 'deposit' .* was accepted, but workflow type"):
        story.replay(Changed)


@workflow.defn
class Waiting:
    """Has a local activity under way whenever an update comes."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity("look", start_to_close_timeout=timedelta(seconds=5))

    @workflow.update
    def change(self, amount: int) -> None: ...

    @change.validator
    def refuse(self, amount: int) -> None:
        raise ApplicationError("never", type="Refused")


def test_a_rejection_is_told_while_a_local_activity_goes_on() -> None:
    story = Story(Waiting)
    story.update("change", 1)
    story.task(local=lambda call: None)
    assert messages(story) == [("u1", REJECTED)]
    story.task(local=lambda call: None)
    assert messages(story) == [], "once is enough"


def test_the_updates_that_a_task_accepted_are_found_behind_an_annotation() -> None:
    accepted = WorkflowExecutionUpdateAccepted("u1", "u1/request", 2, "deposit", b"5", "client", b"", 4)
    events = [
        HistoryEvent(4, 0, EventType.WORKFLOW_TASK_COMPLETED, WorkflowTaskCompleted(2, 3, "w1")),
        HistoryEvent(0, 0, EventType.UPDATE_FORGOTTEN, UpdateForgotten("u0")),
        HistoryEvent(5, 0, EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED, accepted),
        HistoryEvent(6, 0, EventType.WORKFLOW_TASK_SCHEDULED, WorkflowTaskScheduled("q", 10_000, 1)),
        HistoryEvent(7, 0, EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED, accepted._replace(protocol_instance_id="u2")),
    ]
    assert [delivery.update_id for delivery in accepted_updates(events, 1)] == ["u1"]
