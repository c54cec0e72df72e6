"""`def` activities in executors, where these fail."""

from __future__ import annotations

import concurrent.futures
import os

import pytest

from perdure import activity
from perdure.activity.context import current_context
from perdure.protocol.requests import RespondActivityTaskFailed
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
    assert run_in_process(activity.info, (), INFO) is INFO
    assert current_context.get() is None
