"""`def` activities in executors, where these fail."""

from __future__ import annotations

import concurrent.futures
import os
import pickle

import pytest

from perdure import activity
from perdure.activity.context import current_context
from perdure.converter import DataConverter
from perdure.protocol.requests import RespondActivityTaskCompleted, RespondActivityTaskFailed
from perdure.worker import Worker
from perdure.worker.activity_execution import run_in_process
from tests.unit.perdure.activity.test_information import INFO
from tests.worker_stage import QUEUE, activity_task, stage


@activity.defn
def double(number: int) -> int:
    return 2 * number


@activity.defn
def heartbeat_elsewhere() -> None:
    activity.heartbeat(1)


@activity.defn
def die() -> None:
    os._exit(3)


class Odd(Exception):
    """Takes two arguments and keeps one, so that it cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


@activity.defn
def raise_odd() -> None:
    raise Odd(1, 2)


@activity.defn
def return_odd() -> Odd:
    return Odd(1, 2)


@activity.defn
def leave() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heartbeat_elsewhere", "does not reach the worker from another process"),
        ("die", "process"),
        ("double", "arguments of activity 'double' do not fit"),
    ],
)
async def test_what_goes_wrong_in_another_process_is_reported(name: str, words: str) -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        async with (
            stage() as on,
            Worker(
                on.client, task_queue=QUEUE, activities=[double, heartbeat_elsewhere, die], activity_executor=executor
            ),
        ):
            await on.give(activity_task(name, *(["many"] if name == "double" else [])))
            failed = await on.report(RespondActivityTaskFailed)
            assert words in failed.failure.message


async def test_an_executor_that_was_shut_down_is_reported() -> None:
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    async with stage() as on, Worker(on.client, task_queue=QUEUE, activities=[double], activity_executor=executor):
        await on.give(activity_task("double", 1))
        failed = await on.report(RespondActivityTaskFailed)
        assert "the activity executor takes no more work" in failed.failure.message


def test_the_context_of_a_process_ends_with_the_activity() -> None:
    told, raised = pickle.loads(run_in_process(pickle.dumps((activity.info, (), INFO))))
    assert (told.activity_id, raised) == (INFO.activity_id, None)
    assert current_context.get() is None


async def test_a_process_that_dies_takes_no_later_attempt_along() -> None:
    """A broken pool takes nothing more: the worker makes another one."""
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        worker_options = {"task_queue": QUEUE, "activities": [double, die], "activity_executor": executor}
        async with stage() as on, Worker(on.client, **worker_options):
            for number in range(2):
                await on.give(activity_task("die", scheduled_event_id=10 + number))
                failed = await on.report(RespondActivityTaskFailed)
                assert failed.failure.info.type == "BrokenProcessPool"
                await on.give(activity_task("double", 21, scheduled_event_id=20 + number))
                completed = await on.report(RespondActivityTaskCompleted)
                assert DataConverter.default.value_from_bytes(completed.result) == 42


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("raise_odd", "Odd", "1 and 2"),
        ("return_odd", "TypeError", "second"),
        ("leave", "SystemExit", "3"),
    ],
)
async def test_what_cannot_be_put_together_again_fails_alone(name: str, kind: str, words: str) -> None:
    """The pool itself would break over it, and take its neighbours along."""
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        activities = [raise_odd, return_odd, leave, double]
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=activities, activity_executor=executor),
        ):
            await on.give(activity_task(name))
            failed = await on.report(RespondActivityTaskFailed)
            assert failed.failure.info.type == kind
            assert words in failed.failure.message
            assert failed.failure.cause is None or "in " + name in failed.failure.cause.message
            await on.give(activity_task("double", 1, scheduled_event_id=20))
            await on.report(RespondActivityTaskCompleted)
            assert not executor._broken
