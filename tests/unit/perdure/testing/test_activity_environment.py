"""`ActivityEnvironment`: what an activity finds around it, without a cluster."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import Any

import pytest

from perdure import activity
from perdure.activity import ActivityCancellationDetails
from perdure.exceptions import CancelledError
from perdure.testing import ActivityEnvironment


@activity.defn
async def add(a: int, b: int) -> int:
    activity.heartbeat("adding", a)
    await asyncio.sleep(0)
    return a + b + activity.info().attempt


@activity.defn
def add_here(a: int, b: int) -> int:
    activity.heartbeat(a, b)
    return a + b


class Adder:
    def __init__(self, base: int) -> None:
        self.base = base

    @activity.defn
    async def plus(self, n: int) -> int:
        return self.base + n + len(activity.info().heartbeat_details)


async def test_an_async_activity_has_info_and_heartbeats(activity_environment: ActivityEnvironment) -> None:
    beats: list[tuple[object, ...]] = []
    environment = activity_environment
    environment.on_heartbeat = lambda *details: beats.append(details)
    environment.info = dataclasses.replace(environment.info, attempt=3)
    assert await environment.run(add, 1, 2) == 6
    assert beats == [("adding", 1)]
    assert not activity.in_activity()


def test_a_def_activity_runs_here(activity_environment: ActivityEnvironment) -> None:
    beats: list[tuple[object, ...]] = []
    activity_environment.on_heartbeat = lambda *details: beats.append(details)
    assert activity_environment.run(add_here, 1, 2) == 3
    assert beats == [(1, 2)]


async def test_methods_are_activities_too(activity_environment: ActivityEnvironment) -> None:
    environment = activity_environment
    environment.info = dataclasses.replace(environment.info, heartbeat_details=["a", "b"])
    assert await environment.run(Adder(40).plus, 0) == 42


@activity.defn
async def tidy_up() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        return "paused" if details is not None and details.paused else "asked"
    return "never"


async def test_cancel_reaches_an_async_activity(activity_environment: ActivityEnvironment) -> None:
    running = asyncio.ensure_future(activity_environment.run(tidy_up))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    activity_environment.cancel(ActivityCancellationDetails(paused=True))
    assert await running == "paused"


async def test_what_is_run_after_a_cancel_is_cancelled(activity_environment: ActivityEnvironment) -> None:
    activity_environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await activity_environment.run(add, 1, 2)
    with pytest.raises(CancelledError):
        activity_environment.run(add_here, 1, 2)


@activity.defn
def count_for_ever() -> None:
    waiting.set()
    while True:
        activity.wait_for_cancelled_sync(0.01)


@activity.defn(no_thread_cancel_exception=True)
def count_until_asked() -> str:
    waiting.set()
    activity.wait_for_cancelled_sync()
    return f"asked: {activity.is_cancelled()}"


waiting = threading.Event()


def test_cancel_reaches_a_thread_as_an_exception(activity_environment: ActivityEnvironment) -> None:
    waiting.clear()
    canceller = threading.Thread(target=lambda: (waiting.wait(), activity_environment.cancel()))
    canceller.start()
    with pytest.raises(CancelledError):
        activity_environment.run(count_for_ever)
    canceller.join()


def test_cancel_is_only_told_to_an_activity_that_wants_no_exception(activity_environment: ActivityEnvironment) -> None:
    waiting.clear()
    canceller = threading.Thread(target=lambda: (waiting.wait(), activity_environment.cancel()))
    canceller.start()
    assert activity_environment.run(count_until_asked) == "asked: True"
    canceller.join()


@activity.defn
async def end_with_the_worker() -> bool:
    await activity.wait_for_worker_shutdown()
    return activity.is_worker_shutdown()


async def test_a_worker_that_stops_is_told(activity_environment: ActivityEnvironment) -> None:
    running = asyncio.ensure_future(activity_environment.run(end_with_the_worker))
    activity_environment.worker_shutdown()
    assert await running


@activity.defn
async def ask_client(name: str) -> bool:
    return activity.client() is not None and bool(name)


async def test_arguments_may_be_named_and_a_client_given() -> None:
    client: Any = object()
    assert await ActivityEnvironment(client).run(ask_client, name="ada")
    assert ActivityEnvironment().run(add_here, 1, b=2) == 3
    with pytest.raises(RuntimeError, match="no client"):
        await ActivityEnvironment().run(ask_client, "ada")
