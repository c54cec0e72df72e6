"""Going on in a new run: the command that comes of it, and what a run knows about those before it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RetryPolicy
from perdure.converter import DataConverter
from perdure.protocol.commands import Command, ContinueAsNewWorkflowExecution, ScheduleActivityTask
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.memo import unpack_memo
from perdure.protocol.retry import RetryPolicyData
from tests.workflow_story import Story

CONVERTER = DataConverter.default


def arguments_of(command: Command) -> list[Any]:
    assert isinstance(command, ContinueAsNewWorkflowExecution)
    return list(CONVERTER.from_bytes(command.input))


@workflow.defn
class Counter:
    @workflow.run
    async def run(self, count: int) -> None:
        workflow.continue_as_new(count + 1)


def test_the_rest_stays_as_it_is() -> None:
    story = Story(Counter, 1)
    [command] = story.task()
    assert command == ContinueAsNewWorkflowExecution(CONVERTER.to_bytes([2]))
    assert story.instance.is_complete
    story.replay()


@workflow.defn(name="the-other")
class Other:
    @workflow.run
    async def run(self, first: str, second: int) -> None:
        pass


@workflow.defn
class Changing:
    @workflow.run
    async def run(self) -> None:
        workflow.continue_as_new(
            args=["a", 2],
            workflow=Other.run,
            task_queue="elsewhere",
            run_timeout=timedelta(minutes=1),
            task_timeout=timedelta(seconds=20),
            backoff_start_interval=timedelta(seconds=3),
            retry_policy=RetryPolicy(maximum_attempts=2),
            memo={"why": "because"},
        )


def test_everything_may_change() -> None:
    [command] = Story(Changing).task()
    assert isinstance(command, ContinueAsNewWorkflowExecution)
    assert arguments_of(command) == ["a", 2]
    assert (command.workflow_type, command.task_queue) == ("the-other", "elsewhere")
    assert (command.run_timeout_ms, command.task_timeout_ms, command.backoff_start_interval_ms) == (
        60_000,
        20_000,
        3_000,
    )
    assert command.retry_policy == RetryPolicyData(maximum_attempts=2)
    note = unpack_memo(command.memo)["why"]
    assert note is not None
    assert CONVERTER.payload_converter.from_payload(note) == "because"


@workflow.defn
class FromAHandler:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    async def restart(self, where: str) -> None:
        workflow.continue_as_new(where, workflow="by-name")


def test_a_handler_may_decide_it() -> None:
    story = Story(FromAHandler)
    story.task()
    story.signal("restart", "here")
    [command] = story.task()
    assert arguments_of(command) == ["here"]
    assert isinstance(command, ContinueAsNewWorkflowExecution)
    assert command.workflow_type == "by-name"


@workflow.defn
class InAGroup:
    @workflow.run
    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(workflow.sleep(60))
            group.create_task(self.turn_over())

    async def turn_over(self) -> None:
        await asyncio.sleep(0)
        workflow.continue_as_new()


def test_a_task_of_a_group_may_decide_it() -> None:
    commands = Story(InAGroup).task()
    assert commands[-1] == ContinueAsNewWorkflowExecution(CONVERTER.to_bytes([]))


@workflow.defn
class WhileCancelled:
    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.wait_condition(lambda: False)
        finally:
            workflow.continue_as_new("cleanup")


def test_a_cancelled_run_may_go_on() -> None:
    story = Story(WhileCancelled)
    story.task()
    story.request_cancel()
    [command] = story.task()
    assert arguments_of(command) == ["cleanup"]


@workflow.defn
class Mistaken:
    @workflow.run
    async def run(self, mistake: str) -> str:
        try:
            match mistake:
                case "queue":
                    workflow.continue_as_new(task_queue="")
                case "name":
                    workflow.continue_as_new(workflow="a\0b")
                case "function":
                    workflow.continue_as_new(workflow=arguments_of)
                case "both":
                    workflow.continue_as_new(1, args=[2])
                case "timeout":
                    workflow.continue_as_new(run_timeout=timedelta(seconds=-1))
        except (ValueError, TypeError) as error:
            return str(error)
        return "nothing"


@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        ("queue", "task_queue must not be empty"),
        ("name", "workflow contains a NUL character"),
        ("function", "arguments_of is not a workflow: decorate it"),
        ("both", "arg"),
        ("timeout", "run_timeout"),
    ],
)
def test_mistakes_are_named_at_the_call(mistake: str, problem: str) -> None:
    story = Story(Mistaken, mistake)
    story.task()
    assert problem in story.result


@workflow.defn
class Asking:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.query
    def restart(self) -> None:
        workflow.continue_as_new()


def test_a_query_may_not_decide_it() -> None:
    story = Story(Asking)
    story.task()
    with pytest.raises(workflow.ReadOnlyContextError):
        story.instance.query("restart", b"")


def test_only_the_call_makes_the_exception() -> None:
    with pytest.raises(RuntimeError, match="call that"):
        workflow.ContinueAsNewError()
    with pytest.raises(workflow.NotInWorkflowError):
        workflow.continue_as_new()


@workflow.defn
class Remembering:
    @workflow.run
    async def run(self) -> list[Any]:
        return [
            workflow.has_last_completion_result(),
            workflow.get_last_completion_result(int),
            repr(workflow.get_last_failure()),
            workflow.info().attempt,
            workflow.info().continued_run_id,
            workflow.info().cron_schedule,
        ]


def test_the_first_run_knows_of_none_before_it() -> None:
    story = Story(Remembering)
    story.task()
    assert story.result == [False, None, "None", 1, None, None]


def test_what_is_known_of_the_runs_before() -> None:
    story = Story(Remembering)
    started = story.events[0]
    attributes = started.attributes._replace(
        attempt=3,
        last_completion_result=CONVERTER.value_to_bytes(7),
        continued_failure=Failure.of("it broke", ApplicationInfo("Odd")),
        continued_execution_run_id="before",
        cron_schedule="@daily",
    )
    story.events[0] = started._replace(attributes=attributes)
    story.task()
    assert story.result == [True, 7, "ApplicationError('Odd: it broke')", 3, "before", "@daily"]


def test_a_removed_continuation_is_noticed() -> None:
    @workflow.defn(name="Counter")
    class Without:
        @workflow.run
        async def run(self, count: int) -> str:
            return await workflow.execute_activity("x", start_to_close_timeout=timedelta(seconds=1))

    story = Story(Counter, 1)
    story.task()
    with pytest.raises(workflow.NondeterminismError, match=r"event 5 .*ContinuedAsNew.*ScheduleActivityTask"):
        story.replay(Without)
    assert not any(isinstance(command, ScheduleActivityTask) for command in story.commands)
