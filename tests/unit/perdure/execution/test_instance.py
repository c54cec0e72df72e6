"""A workflow in the memory of a worker: what it asks for, event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, exceptions, workflow
from perdure.common import RawValue, RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError, CancelledError, WorkflowTaskError
from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    CompleteWorkflowExecution,
    RequestCancelActivityTask,
    ScheduleActivityTask,
    StartTimer,
)
from perdure.protocol.events import EventType, TimerFired, WorkflowExecutionSignaled
from perdure.protocol.retry import RetryPolicyData
from perdure.workflow import ActivityCancellationType
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=10)


@activity.defn
async def greet(name: str) -> str:
    return name


@workflow.defn
class OneActivity:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            greet, name, start_to_close_timeout=TIMEOUT, retry_policy=RetryPolicy(maximum_attempts=3), summary="hi"
        )


def test_an_activity_is_asked_for_and_its_result_goes_on() -> None:
    story = Story(OneActivity, "Ann")
    (command,) = story.task()
    assert isinstance(command, ScheduleActivityTask)
    assert (command.activity_id, command.activity_type) == ("1", "greet")
    assert command.start_to_close_timeout_ms == 10_000
    assert command.retry_policy == RetryPolicyData(maximum_attempts=3)
    assert command.summary == "hi"
    assert story.converter.from_bytes(command.input) == ["Ann"]
    story.complete_activity("1", "hello Ann")
    story.task()
    assert story.result == "hello Ann"
    story.replay()


def test_a_worker_that_forgot_lives_through_it_again() -> None:
    story = Story(OneActivity, "Ann")
    story.task()
    story.complete_activity("1", "hello")
    story.forget()
    story.task()
    assert story.result == "hello"


def test_a_task_that_failed_is_tried_again_as_if_nothing_had_been() -> None:
    story = Story(OneActivity, "Ann")
    story.task()
    story.complete_activity("1", "hello")
    story.fail_task()
    story.task()
    assert story.result == "hello"
    story.replay()


@workflow.defn
async def plain_function(count: int) -> list[int]:
    """A workflow may be a function."""

    async def one(number: int) -> int:
        await asyncio.sleep(number)
        return number

    return await asyncio.gather(*[one(number) for number in range(1, count + 1)])


def test_timers_are_commands_and_gather_waits_for_them() -> None:
    story = Story(plain_function, 3)
    assert story.task() == [StartTimer(str(n), n * 1000) for n in (1, 2, 3)]
    for number in ("2", "1", "3"):
        story.fire_timer(number)
        story.task()
    assert story.result == [1, 2, 3]
    story.replay()


@workflow.defn
class Impatient:
    @workflow.run
    async def run(self, way: str) -> str:
        work = workflow.execute_activity(greet, "x", start_to_close_timeout=TIMEOUT)
        try:
            if way == "wait_for":
                return await asyncio.wait_for(work, 5)
            if way == "timeout":
                async with asyncio.timeout(5):
                    return await work
            handle = workflow.start_activity(greet, "x", start_to_close_timeout=TIMEOUT)
            work.close()
            done, _ = await asyncio.wait([handle], timeout=5)
            if not done:
                handle.cancel()
            return await handle
        except TimeoutError:
            return "too late"
        except ActivityError as error:
            return "cancelled" if isinstance(error.cause, CancelledError) else "failed"


@pytest.mark.parametrize(("way", "result"), [("wait_for", "too late"), ("timeout", "too late"), ("wait", "cancelled")])
def test_a_timeout_of_asyncio_cancels_the_activity(way: str, result: str) -> None:
    story = Story(Impatient, way)
    commands = story.task()
    assert {type(c) for c in commands} == {ScheduleActivityTask, StartTimer}
    story.fire_timer()
    commands = story.task()
    assert isinstance(commands[0], RequestCancelActivityTask)
    assert story.result == result
    story.replay()


@pytest.mark.parametrize("way", ["wait_for", "timeout", "wait"])
def test_a_timeout_that_is_not_needed_is_cancelled(way: str) -> None:
    story = Story(Impatient, way)
    story.task()
    story.complete_activity("1", "in time")
    assert story.task()[0] == CancelTimer("1")
    assert story.result == "in time"
    story.replay()


@workflow.defn
class Toolbox:
    """Everything of asyncio that needs no timer leaves no command."""

    @workflow.run
    async def run(self) -> list[str]:
        seen: list[str] = []
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        lock, event, done = asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(1)

        async def produce() -> None:
            for item in "abc":
                await queue.put(item)
            event.set()

        async def consume() -> None:
            while not (event.is_set() and queue.empty()):
                async with lock, done:
                    seen.append(await queue.get())

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            group.create_task(consume())
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        for finished in asyncio.as_completed([asyncio.sleep(0, "d"), asyncio.sleep(0, "e")]):
            seen.append(await finished)
        return seen


def test_the_tools_of_asyncio_work() -> None:
    story = Story(Toolbox)
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]
    assert story.result == ["a", "b", "c", "d", "e"]
    story.replay()


@workflow.defn
class Approval:
    def __init__(self) -> None:
        self.answers: list[str] = []

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            await workflow.wait_condition(lambda: bool(self.answers), timeout=seconds)
        except TimeoutError:
            return "nobody answered"
        return ",".join(self.answers)

    @workflow.signal
    def answer(self, text: str) -> None:
        self.answers.append(text)

    @workflow.signal(name="slow")
    async def answer_slowly(self, text: str) -> None:
        await asyncio.sleep(1)
        self.answers.append(text)

    @workflow.query
    def seen(self) -> list[str]:
        return self.answers


def test_a_signal_fulfils_a_condition_and_its_timer_goes() -> None:
    story = Story(Approval, 60)
    assert story.task() == [StartTimer("1", 60_000)]
    story.signal("answer", "yes")
    story.signal("answer", "no")
    assert story.task()[0] == CancelTimer("1")
    assert story.result == "yes,no"
    story.replay()


def test_signals_that_came_with_the_start_are_handled_before_the_workflow_begins() -> None:
    story = Story(Approval, 60)
    story.signal("answer", "early")
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]
    assert story.result == "early"


def test_a_condition_that_nobody_fulfils_times_out() -> None:
    story = Story(Approval, 60)
    story.task()
    story.fire_timer()
    story.task()
    assert story.result == "nobody answered"
    story.replay()


def test_a_signal_handler_may_wait() -> None:
    story = Story(Approval, 60)
    story.signal("slow", "thought about it")
    assert story.task() == [StartTimer("1", 1_000), StartTimer("2", 60_000)]
    story.fire_timer("1")
    story.task()
    assert story.result == "thought about it"
    story.replay()


def test_what_happens_while_a_task_is_out_is_seen_by_the_next() -> None:
    story = Story(Approval, 60)
    data = story.converter.to_bytes(["meanwhile"])
    story.happen_meanwhile(EventType.WORKFLOW_EXECUTION_SIGNALED, WorkflowExecutionSignaled("answer", data, "me", ""))
    story.task()
    assert not story.is_closed
    story.task()
    assert story.result == "meanwhile"
    story.replay()


def test_a_timer_that_fired_in_the_same_task_is_not_cancelled() -> None:
    story = Story(Approval, 60)
    story.task()
    story.signal("answer", "just in time")
    story.fire_timer()
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]
    assert story.result == "just in time"


# Failures ------------------------------------------------------------------------------------------------------------


@workflow.defn(failure_exception_types=[KeyError])
class Failing:
    @workflow.run
    async def run(self, how: str) -> Any:
        match how:
            case "application":
                raise ApplicationError("no", type="Refused")
            case "own type":
                raise KeyError("mine")
            case "bug":
                raise ValueError("a bug")
            case "asyncio timeout":
                raise TimeoutError("late")
            case "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._refuse())
            case "exit":
                raise SystemExit(3)
            case "unfit":
                return object()
            case _:
                return await workflow.execute_activity(greet, how, start_to_close_timeout=TIMEOUT)

    async def _refuse(self) -> None:
        raise ApplicationError("in a group", type="Refused")


@pytest.mark.parametrize(
    ("how", "type_name"),
    [("application", "Refused"), ("own type", "KeyError"), ("asyncio timeout", "TimeoutError")],
)
def test_errors_that_fail_the_workflow(how: str, type_name: str) -> None:
    story = Story(Failing, how)
    story.task()
    error = story.failure
    assert isinstance(error, ApplicationError)
    assert error.type == type_name
    story.replay()


def test_a_group_of_failures_fails_the_workflow_too() -> None:
    story = Story(Failing, "group")
    story.task()
    assert isinstance(story.failure.__cause__, ApplicationError)


@pytest.mark.parametrize(("how", "error"), [("bug", ValueError), ("exit", SystemExit), ("unfit", TypeError)])
def test_any_other_error_fails_the_task(how: str, error: type[BaseException]) -> None:
    story = Story(Failing, how)
    with pytest.raises(error):
        story.task()
    story.instance.close()  # or it would complain of the error in whatever test comes when it is freed


def test_the_error_of_an_activity_reaches_the_workflow_with_its_cause() -> None:
    story = Story(Failing, "x")
    story.task()
    story.fail_activity("1", "card declined", "Declined")
    story.task()
    error = story.failure
    assert isinstance(error, ActivityError)
    assert (error.activity_type, error.activity_id) == ("greet", "1")
    assert isinstance(error.cause, ApplicationError)
    assert (error.cause.type, error.cause.message) == ("Declined", "card declined")
    story.replay()


def test_an_activity_that_timed_out() -> None:
    story = Story(Failing, "x")
    story.task()
    story.time_out_activity("1")
    story.task()
    assert isinstance(story.failure.__cause__, exceptions.TimeoutError)


def test_input_that_does_not_fit_fails_the_task_and_says_so() -> None:
    story = Story(Approval, "soon")
    with pytest.raises(WorkflowTaskError, match="input of workflow 'Approval' does not fit"):
        story.task()


def test_an_activity_without_a_timeout_is_refused() -> None:
    @workflow.defn
    async def careless() -> None:
        await workflow.execute_activity(greet, "x")

    with pytest.raises(ValueError, match="start_to_close_timeout"):
        Story(careless).task()


# Cancellation --------------------------------------------------------------------------------------------------------


@workflow.defn
class Cancellable:
    @workflow.run
    async def run(self, how: str) -> str:
        try:
            if how == "sleep":
                await asyncio.sleep(60)
            elif how == "shield":
                await asyncio.shield(asyncio.create_task(asyncio.sleep(60)))
            else:
                await workflow.execute_activity(
                    greet,
                    "x",
                    start_to_close_timeout=TIMEOUT,
                    cancellation_type=ActivityCancellationType[how],
                )
        finally:
            assert workflow.cancellation_reason() in (None, "enough")
            await workflow.execute_activity(greet, "cleanup", start_to_close_timeout=TIMEOUT)
        return "done"


def test_a_cancelled_workflow_cleans_up_and_ends_cancelled() -> None:
    story = Story(Cancellable, "sleep")
    story.task()
    story.request_cancel()
    cancelled, cleanup = story.task()
    assert cancelled == CancelTimer("1")
    assert isinstance(cleanup, ScheduleActivityTask)
    story.complete_activity("1", "clean")
    assert story.task() == [CancelWorkflowExecution()]
    story.replay()


def test_a_shield_keeps_what_is_in_it() -> None:
    story = Story(Cancellable, "shield")
    story.task()
    story.request_cancel()
    assert [type(c) for c in story.task()] == [ScheduleActivityTask]


def test_try_cancel_asks_the_activity_and_goes_on() -> None:
    story = Story(Cancellable, "TRY_CANCEL")
    story.task()
    story.request_cancel()
    asked, _cleanup = story.task()
    assert isinstance(asked, RequestCancelActivityTask)
    story.complete_activity("2")
    assert story.task() == [CancelWorkflowExecution()]
    story.replay()


def test_wait_cancellation_completed_waits() -> None:
    story = Story(Cancellable, "WAIT_CANCELLATION_COMPLETED")
    story.task()
    story.request_cancel()
    assert [type(c) for c in story.task()] == [RequestCancelActivityTask]
    story.confirm_activity_cancelled("1")
    assert [type(c) for c in story.task()] == [ScheduleActivityTask]
    story.complete_activity("2")
    assert story.task() == [CancelWorkflowExecution()]
    story.replay()


def test_abandon_asks_nobody() -> None:
    story = Story(Cancellable, "ABANDON")
    story.task()
    story.request_cancel()
    assert [type(c) for c in story.task()] == [ScheduleActivityTask]
    story.complete_activity("1", "late and ignored")
    story.complete_activity("2")
    assert story.task() == [CancelWorkflowExecution()]
    story.replay()


def test_an_activity_whose_outcome_came_along_is_not_asked() -> None:
    story = Story(Cancellable, "TRY_CANCEL")
    story.task()
    story.complete_activity("1", "done")
    story.request_cancel()
    assert [type(c) for c in story.task()] == [ScheduleActivityTask]


def test_cancelled_before_it_was_sent_leaves_nothing() -> None:
    @workflow.defn
    async def hesitant() -> str:
        handle = workflow.start_activity(greet, "x", start_to_close_timeout=TIMEOUT)
        timer = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        handle.cancel()
        timer.cancel()
        try:
            await handle
        except ActivityError as error:
            return "cancelled" if isinstance(error.cause, CancelledError) else "failed"
        return "not cancelled"

    story = Story(hesitant)
    assert [type(c) for c in story.task()] == [CompleteWorkflowExecution]
    assert story.result == "cancelled"
    story.replay()


@workflow.defn
class Tidy:
    def __init__(self) -> None:
        self.log: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        self.log.append("begun")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.log.append(workflow.cancellation_reason() or "")
            self.log.append(await workflow.execute_activity("tidy_up", result_type=str, start_to_close_timeout=TIMEOUT))
        return self.log

    @workflow.signal
    def note(self, text: str) -> None:
        self.log.append(text)


def test_a_workflow_that_is_cancelled_before_it_began_may_clean_up() -> None:
    story = Story(Tidy)
    story.request_cancel()
    story.signal("note", "signal")
    (tidying,) = story.task()
    assert isinstance(tidying, ScheduleActivityTask)
    story.complete_activity("1", "tidy")
    story.task()
    assert story.result == ["signal", "begun", "enough", "tidy"]
    story.replay()


def test_a_cancellation_comes_behind_signals_and_before_outcomes() -> None:
    story = Story(Tidy)
    story.task()
    story.request_cancel()
    story.signal("note", "signal")
    story.fire_timer()
    story.task()
    story.complete_activity("1", "tidy")
    story.task()
    assert story.result == ["begun", "signal", "enough", "tidy"]
    story.replay()


@workflow.defn
class Cleaning:
    @workflow.run
    async def run(self, how: str) -> str:
        try:
            match how:
                case "timeout":
                    async with asyncio.timeout(30):
                        await asyncio.sleep(60)
                case "group":
                    async with asyncio.TaskGroup() as group:
                        group.create_task(asyncio.sleep(60))
                        group.create_task(asyncio.sleep(61))
                case "gather":
                    await asyncio.gather(asyncio.sleep(60), asyncio.sleep(61))
                case "shield":
                    inner = asyncio.ensure_future(
                        workflow.execute_activity("inner", result_type=str, start_to_close_timeout=TIMEOUT)
                    )
                    try:
                        await asyncio.shield(inner)
                    except asyncio.CancelledError:
                        return await inner
        finally:
            await workflow.execute_activity("tidy_up", start_to_close_timeout=TIMEOUT)
        return "done"


@pytest.mark.parametrize("how", ["timeout", "group", "gather"])
def test_cleanup_follows_a_cancellation_whatever_is_waited_for(how: str) -> None:
    story = Story(Cleaning, how)
    story.task()
    story.request_cancel()
    *cancelled, cleanup = story.task()
    assert [type(command) for command in cancelled] == [CancelTimer, CancelTimer]
    assert isinstance(cleanup, ScheduleActivityTask)
    story.complete_activity("1")
    assert story.task() == [CancelWorkflowExecution()]
    story.replay()


def test_a_cancellation_that_was_caught_is_over() -> None:
    story = Story(Cleaning, "shield")
    story.task()
    story.request_cancel()
    assert story.task() == []
    story.complete_activity("1", "kept")
    story.task()
    story.complete_activity("2")
    story.task()
    assert story.result == "kept"
    story.replay()


def test_a_workflow_may_ignore_its_cancellation() -> None:
    @workflow.defn
    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "still here"
        return "slept"

    story = Story(stubborn)
    story.task()
    story.request_cancel()
    assert [type(c) for c in story.task()] == [CancelTimer, CompleteWorkflowExecution]


# Determinism ---------------------------------------------------------------------------------------------------------


@workflow.defn
class Group:
    """asyncio keeps the tasks of a group in a set."""

    @workflow.run
    async def run(self) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(self._work(number))
                await asyncio.sleep(1)
                raise ApplicationError("stop")
        except BaseExceptionGroup:
            await asyncio.sleep(5)
        return "ended"

    async def _work(self, number: int) -> None:
        await workflow.execute_activity(greet, str(number), start_to_close_timeout=TIMEOUT)


def test_sets_of_tasks_are_gone_through_in_the_same_order() -> None:
    def commands() -> list[Any]:
        story = Story(Group)
        story.task()
        story.fire_timer()
        story.task()
        return story.commands

    first = commands()
    assert sum(isinstance(c, RequestCancelActivityTask) for c in first) == 40
    garbage = [object() for _ in range(1000)]  # so that the next tasks get other addresses
    assert commands() == first
    del garbage


# Letting go ----------------------------------------------------------------------------------------------------------


def test_an_evicted_workflow_can_do_nothing_more() -> None:
    seen: list[str] = []

    @workflow.defn
    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("finally")
            try:
                await workflow.execute_activity(greet, "x", start_to_close_timeout=TIMEOUT)
            finally:
                await asyncio.sleep(0)
                await asyncio.create_task(asyncio.sleep(1))
                seen.append("never")

    story = Story(tidy)
    story.task()
    story.instance.close()
    story.instance.close()
    assert seen == ["finally"]
    assert story.instance.ledger.take() == []


def test_a_workflow_that_never_ran_is_let_go_quietly() -> None:
    story = Story(OneActivity, "x")
    story.new_instance().close()
    assert story.is_task_pending


def test_handlers_that_are_still_running_at_the_end_are_mentioned() -> None:
    story = Story(Approval, 60)
    story.signal("answer", "yes")
    story.signal("slow", "wait for me")
    with pytest.warns(workflow.UnfinishedSignalHandlersWarning, match="slow"):
        story.task()
    assert story.result == "yes"


def test_a_late_firing_of_a_cancelled_timer_means_nothing() -> None:
    story = Story(Approval, 60)
    story.happen_meanwhile(EventType.TIMER_FIRED, TimerFired("9", 99))
    story.task()
    assert story.task() == []


def test_a_dynamic_workflow_gets_raw_values() -> None:
    @workflow.defn(dynamic=True)
    async def anything(args: Sequence[RawValue]) -> list[Any]:
        converter = workflow.payload_converter()
        return [workflow.info().workflow_type, *(converter.from_payload(value.payload) for value in args)]

    story = Story(anything, "a", 2)
    story.task()
    assert story.result == ["anything", "a", 2]
    story.replay()
