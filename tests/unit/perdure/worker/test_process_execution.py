"""Attempts in processes: which way they go there, and what they find. (What goes wrong: `test_activity_execution`.)"""

from __future__ import annotations

import concurrent.futures
import os
import threading
from dataclasses import dataclass
from typing import Any

from perdure import activity, task
from perdure.client import Client
from perdure.converter import DataConverter, DefaultPayloadConverter
from perdure.protocol.requests import RespondActivityTaskCompleted, RespondActivityTaskFailed
from perdure.worker import ProcessPool, Worker
from perdure.worker.process_execution import _portable_converter
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, Stage, activity_task, stage


@dataclass
class Order:
    number: int


class Converter(DefaultPayloadConverter):
    """One of a user's own."""


@task
def check(order: Order) -> tuple[int, str, str]:
    return os.getpid(), type(order).__name__, type(activity.payload_converter()).__name__


@activity.defn
def in_thread() -> tuple[int, bool]:
    return os.getpid(), threading.current_thread() is threading.main_thread()


class Counter:
    """Its state goes along with each call."""

    def __init__(self) -> None:
        self.count = 0

    @activity.defn
    def shown(self) -> int:
        return self.count


async def result(on: Stage, name: str, *arguments: object) -> Any:
    task = activity_task(name, *arguments)
    await on.give(task)

    async def done() -> RespondActivityTaskCompleted | None:
        reports = on.engine.requests(RespondActivityTaskCompleted)
        return next((one for one in reports if one.scheduled_event_id == task.scheduled_event_id), None)

    completed = await wait_until(done, what="a result")
    return on.client.data_converter.value_from_bytes(completed.result)


def client_with(on: Stage, converter: DataConverter) -> Client:
    return Client(on.client.transport, data_converter=converter)


async def test_tasks_run_in_the_pool_and_activities_in_threads() -> None:
    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[check, in_thread], task_pool=ProcessPool(1)),
    ):
        for _ in range(2):
            pid, kind, converter = await result(on, "check", Order(1))
            assert pid != os.getpid()
            assert (kind, converter) == ("Order", "DefaultPayloadConverter")
        assert await result(on, "in_thread") == [os.getpid(), False]


async def test_a_converter_of_ones_own_goes_along() -> None:
    converter = DataConverter(payload_converter_class=Converter)
    async with (
        stage() as on,
        Worker(client_with(on, converter), task_queue=QUEUE, activities=[check], task_pool=ProcessPool(1)),
    ):
        _, kind, name = await result(on, "check", Order(1))
        assert (kind, name) == ("Order", "Converter")


async def test_one_that_cannot_go_along_stays_and_its_tasks_run_all_the_same() -> None:
    class Local(DefaultPayloadConverter):
        """No other process can find it."""

    converter = DataConverter(payload_converter_class=Local)
    assert _portable_converter(converter) is None
    async with (
        stage() as on,
        Worker(client_with(on, converter), task_queue=QUEUE, activities=[check], task_pool=ProcessPool(1)),
    ):
        pid, kind, name = await result(on, "check", Order(1))
        assert pid != os.getpid()
        assert (kind, name) == ("Order", "DefaultPayloadConverter")


async def test_an_object_is_as_it_is_when_it_is_called() -> None:
    counter = Counter()
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=[counter.shown], activity_executor=executor),
        ):
            assert await result(on, "shown") == 0
            counter.count = 7
            assert await result(on, "shown") == 7


async def test_a_function_that_no_process_can_find_says_so() -> None:
    @task(name="hidden")
    def hidden() -> None: ...

    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[hidden], task_pool=ProcessPool(1)),
    ):
        await on.give(activity_task("hidden"))
        failed = await on.report(RespondActivityTaskFailed)
        assert "hidden" in failed.failure.message
        assert failed.failure.info.type in ("AttributeError", "PicklingError")
