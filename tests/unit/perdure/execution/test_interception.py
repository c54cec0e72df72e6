"""A workflow behind interceptors: what they see, what they may change, and that replay stays the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from perdure import activity, workflow
from perdure.common import Payload, RawValue
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.execution.surroundings import WorkerSettings
from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import ContinueAsNewWorkflowExecution, FailWorkflowExecution, ScheduleActivityTask
from perdure.protocol.payload import pack_payload_map, unpack_payload_map
from perdure.protocol.updates import ProtocolMessage, UpdateMessageKind
from perdure.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from perdure.workflow import ActivityHandle, ChildWorkflowHandle, Info, ParentClosePolicy
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=10)
USER = {"user": Payload({"encoding": b"json/plain"}, b'"ada"')}

notes: list[str] = []


@pytest.fixture(autouse=True)
def _no_notes() -> None:
    notes.clear()


class Noting(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(NotingOutbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        notes.append(f"run {list(input.args)} {sorted(input.headers)}")
        return ["noted", await super().execute_workflow(input)]

    async def handle_signal(self, input: HandleSignalInput) -> None:
        notes.append(f"signal {input.signal} {list(input.args)} {sorted(input.headers)}")
        await super().handle_signal(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:
        notes.append(f"query {input.id} {input.query} {sorted(input.headers)}")
        return await super().handle_query(input) + 100

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        notes.append(f"validate {input.id} {input.update} {list(input.args)} {sorted(input.headers)}")
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        notes.append(f"update {input.id} {input.update} {list(input.args)}")
        input.args = [10 * input.args[0]]
        return [await super().handle_update_handler(input)]


class NotingOutbound(WorkflowOutboundInterceptor):
    def info(self) -> Info:
        notes.append("info")
        return super().info()

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        notes.append(f"activity {input.activity} {list(input.args)}")
        input.args = [*input.args, "more"]
        input.headers = {**input.headers, **USER}
        return super().start_activity(input)


class Outer(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        notes.append("outer")
        return await super().execute_workflow(input)


@activity.defn
async def greet(name: str, more: str) -> str:
    return name + more


@workflow.defn
class Greeter:
    def __init__(self) -> None:
        self.count = 0

    @workflow.run
    async def run(self, name: str) -> str:
        assert workflow.info().workflow_id == "wf"
        await workflow.wait_condition(lambda: self.count >= 2)
        return await workflow.execute_activity("greet", name, result_type=str, start_to_close_timeout=TIMEOUT)

    @workflow.signal
    def plain(self, by: int) -> None:
        self.count += by

    @workflow.signal(dynamic=True)
    async def any_other(self, name: str, values: list[RawValue]) -> None:
        await asyncio.sleep(0)
        self.count += len(values)

    @workflow.query
    def counted(self) -> int:
        return self.count

    @workflow.update
    async def add(self, by: int) -> int:
        await asyncio.sleep(0)
        self.count += by
        return self.count

    @add.validator
    def check(self, by: int) -> None:
        if by < 0:
            raise ValueError("less than nothing")

    @workflow.update
    def reset(self, to: int) -> None:
        self.count = to


def settings(*interceptors: type[WorkflowInboundInterceptor]) -> WorkerSettings:
    return WorkerSettings("default", "queue", DataConverter.default, (), interceptors)


def test_all_that_goes_in_and_out_passes_the_interceptors() -> None:
    story = Story(Greeter, "ann", settings=settings(Outer, Noting))
    assert story.task() == []
    story.signal("plain", 1)
    story.signal("other", 7)
    (command,) = story.task()
    assert isinstance(command, ScheduleActivityTask)
    assert story.converter.from_bytes(command.input) == ["ann", "more"]
    assert unpack_payload_map(command.headers) == USER
    asked = story.instance.query("counted", b"", pack_payload_map(USER), "q7")
    assert story.converter.value_from_bytes(asked) == 102
    story.complete_activity("1", "hello")
    story.task()
    assert story.commands
    assert story.converter.from_bytes(story.commands[0].result) == [["noted", "hello"]]  # type: ignore[union-attr]
    assert [note for note in notes if not note.startswith("signal other")] == [
        "outer",
        "run ['ann'] []",
        "info",
        "signal plain [1] []",
        "activity greet ['ann']",
        "query q7 counted ['user']",
    ]
    (other,) = [note for note in notes if note.startswith("signal other")]
    assert "RawValue" in other
    story.replay()


def test_updates_pass_the_interceptors() -> None:
    story = Story(Greeter, "ann", settings=settings(Outer, Noting))
    story.task()
    notes.clear()
    story.update("add", -1, update_id="u0")
    (refused,) = story.task()
    assert isinstance(refused, ProtocolMessage)
    assert refused.kind == UpdateMessageKind.REJECTION
    assert refused.failure is not None
    assert refused.failure.message == "less than nothing"
    story.update("add", 1, update_id="u1", headers=pack_payload_map(USER))
    story.update("reset", 0, update_id="u2")
    answers = [message.result for message in story.task() if isinstance(message, ProtocolMessage) and message.result]
    assert [story.converter.value_from_bytes(answer) for answer in answers] == [[None], [10]]
    expected = [
        "validate u0 add [-1] []",
        "validate u1 add [1] ['user']",
        "update u1 add [1]",
        "update u2 reset [0]",
    ]
    assert [note for note in notes if "activity" not in note] == expected, "nothing is validated that has no validator"
    notes.clear()
    story.replay()
    assert [note for note in notes if "u" in note.split()[0]] == ["outer", "run ['ann'] []", *expected[2:]]


class RenamingUpdates(WorkflowInboundInterceptor):
    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        input.update = "nobody"
        return await super().handle_update_handler(input)


def test_an_interceptor_that_asks_for_no_handler_fails_the_task() -> None:
    story = Story(Greeter, "ann", settings=settings(RenamingUpdates))
    story.task()
    story.update("add", 1)
    with pytest.raises(RuntimeError, match="asks for the update 'nobody', which has no handler"):
        story.task()


def test_without_interceptors_there_is_no_chain() -> None:
    story = Story(Greeter, "ann")
    story.task()
    assert story.instance.interception is None


class Refusing(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        raise ApplicationError("not you", type="Refused")


def test_an_interceptor_may_fail_the_workflow() -> None:
    story = Story(Greeter, "ann", settings=settings(Refusing))
    (command,) = story.task()
    assert isinstance(command, FailWorkflowExecution)
    assert command.failure.message == "not you"


class Broken(WorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        raise RuntimeError("cannot be made")


def test_one_that_cannot_be_made_fails_the_task() -> None:
    story = Story(Greeter, "ann", settings=settings(Broken))
    with pytest.raises(RuntimeError, match="cannot be made"):
        story.task()


class Waiting(WorkflowInboundInterceptor):
    async def handle_query(self, input: HandleQueryInput) -> Any:
        await asyncio.Event().wait()


def test_a_query_cannot_be_made_to_wait() -> None:
    story = Story(Greeter, "ann", settings=settings(Waiting))
    story.task()
    with pytest.raises(RuntimeError, match="an interceptor waits while it handles the query 'counted'"):
        story.instance.query("counted", b"")


class Renaming(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        input.signal = "plain"
        await super().handle_signal(input)


def test_an_interceptor_may_choose_another_handler() -> None:
    story = Story(Greeter, "ann", settings=settings(Renaming))
    story.signal("plain", 2)
    (command,) = story.task()
    assert isinstance(command, ScheduleActivityTask)


class Following(WorkflowInboundInterceptor):
    """Gives its headers on to whatever the workflow starts."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(FollowingOutbound(outbound))


class FollowingOutbound(WorkflowOutboundInterceptor):
    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[Any, Any]:
        notes.append(f"child {input.workflow} {list(input.args)} {input.parent_close_policy.name}")
        input.headers = USER
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        notes.append(f"continue {input.workflow} {list(input.args)}")
        input.headers = USER
        input.args = [*input.args, 2]
        super().continue_as_new(input)


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, way: str) -> None:
        match way:
            case "execute":
                await workflow.execute_child_workflow("Child", 1, parent_close_policy=ParentClosePolicy.ABANDON)
            case "start":
                await workflow.start_child_workflow("Child", 1, id="c")
            case _:
                workflow.continue_as_new(args=["more"])


@pytest.mark.parametrize("way", ["execute", "start"])
def test_children_are_started_through_the_interceptors(way: str) -> None:
    story = Story(Parent, way, settings=settings(Following))
    (command,) = story.task()
    assert isinstance(command, StartChildWorkflowExecution)
    assert unpack_payload_map(command.headers) == USER
    assert command.workflow_id
    assert notes == [f"child Child [1] {'ABANDON' if way == 'execute' else 'TERMINATE'}"]
    assert story.new_instance().interception is None, "the chain is made with the first event"


def test_a_run_continues_through_the_interceptors() -> None:
    story = Story(Parent, "continue", settings=settings(Following))
    (command,) = story.task()
    assert isinstance(command, ContinueAsNewWorkflowExecution)
    assert unpack_payload_map(command.headers) == USER
    assert story.converter.from_bytes(command.input) == ["more", 2]
    assert notes == ["continue None ['more']"]
