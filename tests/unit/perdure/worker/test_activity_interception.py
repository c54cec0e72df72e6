"""Activities behind interceptors: on the loop, in threads, in processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from typing import Any

import pytest

from perdure import activity
from perdure.activity import Info
from perdure.common import Payload
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.protocol.payload import pack_payload_map
from perdure.protocol.replies import CancelActivity
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, activity_task, stage

user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


@activity.defn
async def on_the_loop(name: str) -> str:
    activity.heartbeat(activity.info().activity_type)
    return f"{name} for {user.get()}"


@activity.defn
def in_a_thread(name: str) -> str:
    activity.heartbeat(activity.info().activity_type)
    assert threading.current_thread() is not threading.main_thread()
    return f"{name} for {user.get()}"


@activity.defn
def in_a_process(name: str) -> str:
    return f"{name} by {activity.info().activity_type}"


@activity.defn
def broken() -> None:
    raise ApplicationError("as it happens", type="Broken")


running = threading.Event()


@activity.defn
def until_cancelled() -> None:
    running.set()
    while True:
        activity.wait_for_cancelled_sync(0.001)


class Propagating(Interceptor):
    """Takes the user from the headers, and tells more in heartbeats."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return PropagatingInbound(next)


class PropagatingInbound(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(TellingOutbound(outbound))

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        payload = input.headers.get("user")
        if payload is not None:
            user.set(payload.data.decode())
        input.args = [arg.upper() for arg in input.args]
        return f"<{await super().execute_activity(input)}>"


class TellingOutbound(ActivityOutboundInterceptor):
    def info(self) -> Info:
        info = super().info()
        object.__setattr__(info, "activity_type", info.activity_type.strip("!") + "!")
        return info

    def heartbeat(self, *details: Any) -> None:
        super().heartbeat(*details, "told")


HEADERS = pack_payload_map({"user": Payload({}, b"ada")})


@pytest.mark.parametrize("name", ["on_the_loop", "in_a_thread"])
async def test_they_see_and_change_what_goes_in_and_out(name: str) -> None:
    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[on_the_loop, in_a_thread], interceptors=[Propagating()]),
    ):
        await on.give(activity_task(name, "tea", headers=HEADERS))
        completed = await on.report(RespondActivityTaskCompleted)
        assert DataConverter.default.from_bytes(completed.result) == ["<TEA for ada>"]
        beat = await on.report(RecordActivityTaskHeartbeat)
        assert DataConverter.default.from_bytes(beat.details) == [f"{name}!", "told"]


async def test_in_another_process() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        options: dict[str, Any] = {"activity_executor": executor, "interceptors": [Propagating()]}
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=[in_a_process, broken], **options),
        ):
            await on.give(activity_task("in_a_process", "tea"))
            completed = await on.report(RespondActivityTaskCompleted)
            assert DataConverter.default.from_bytes(completed.result) == ["<TEA by in_a_process>"]
            await on.give(activity_task("broken"))
            failed = await on.report(RespondActivityTaskFailed)
            assert (failed.failure.message, failed.failure.info.type) == ("as it happens", "Broken")


async def test_a_thread_behind_interceptors_is_cancelled() -> None:
    running.clear()
    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[until_cancelled], interceptors=[Interceptor()]),
    ):
        task = activity_task("until_cancelled")
        await on.give(task)

        async def look() -> bool:
            return running.is_set()

        await wait_until(look, what="the activity to run")
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, task.attempt))
        await on.report(RespondActivityTaskCanceled)


class Slow(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return SlowInbound(next)


entered = asyncio.Event()


class SlowInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        entered.set()
        await asyncio.Event().wait()


async def test_an_interceptor_that_waits_is_cancelled_too() -> None:
    entered.clear()
    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[in_a_thread], interceptors=[Slow()]),
    ):
        task = activity_task("in_a_thread", "tea")
        await on.give(task)
        await entered.wait()
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, task.attempt))
        await on.report(RespondActivityTaskCanceled)
