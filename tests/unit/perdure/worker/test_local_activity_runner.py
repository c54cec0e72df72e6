"""All local activities of a worker: room, runs, and who is told."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import pytest

from perdure import activity
from perdure.converter import DataConverter
from perdure.execution.local_activities import LocalActivities, LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.retry import RetryPolicyData
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.local_activity import LocalRun
from perdure.worker.local_activity_runner import LocalActivityRunner
from perdure.worker.registry import Registry
from tests.unit.perdure.worker.test_link import _link
from tests.waiting import wait_until
from tests.worker_stage import Stage, stage

RUN = LocalRun("default", "wf", "run", "Order", 0, "queue")
ONCE = RetryPolicyData(maximum_attempts=1)


@activity.defn
async def wait() -> str:
    RUNNING.append(activity.info().activity_id)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        STOPPED.append(activity.info().activity_id)
        raise
    return "never"


@activity.defn
def add(one: int, other: int) -> int:
    return one + other


RUNNING: list[str] = []
STOPPED: list[str] = []


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    RUNNING.clear()
    STOPPED.clear()


class Wanted:
    """What a workflow wants: the part of `LocalActivities` that a runner looks at."""

    def __init__(self) -> None:
        self.outstanding: dict[int, LocalCall] = {}
        self.cancelling: dict[int, int] = {}
        self.abandoned: dict[int, int] = {}


class Scene:
    def __init__(self, on: Stage, slots: int = 10) -> None:
        self.link = _link(on)
        self.wanted: Any = Wanted()
        self.told: list[LocalOutcome] = []
        self.is_listening = True
        self.executor = concurrent.futures.ThreadPoolExecutor(2)
        execution = ActivityExecution(self.executor, DataConverter.default, "queue")
        self.runner = LocalActivityRunner(self.link, Registry([], [wait, add]), execution, slots, self._ended)

    def _ended(self, run_id: str, outcome: LocalOutcome) -> bool:
        if self.is_listening:
            self.told.append(outcome)
            self.wanted.outstanding.pop(outcome.number, None)
        return self.is_listening

    def ask(self, number: int, name: str, *arguments: Any) -> None:
        data = self.link.converter.to_bytes(arguments)
        now_us = self.link.environment.now_us()
        call = LocalCall(number, str(number), name, data, b"", 0, 0, 60_000, ONCE, 10_000, 1, now_us)
        self.wanted.outstanding[number] = call

    def pursue(self) -> LocalOutcome | None:
        wanted: LocalActivities = self.wanted
        return self.runner.pursue(RUN, wanted)

    async def until(self, look: Any, what: str) -> None:
        async def ask() -> bool:
            return bool(look())

        await wait_until(ask, what=what, timeout_seconds=5)


async def test_they_run_and_their_workflow_is_told() -> None:
    async with stage() as on:
        scene = Scene(on)
        scene.ask(1, "add", 1, 2)
        assert scene.pursue() is None
        assert scene.told == [], "not from within the call"
        await scene.until(lambda: scene.told, "the outcome")
        assert scene.link.converter.value_from_bytes(scene.told[0].result) == 3
        assert len(scene.runner) == 0


async def test_what_ends_between_two_tasks_waits_for_the_next() -> None:
    async with stage() as on:
        scene = Scene(on)
        scene.is_listening = False
        scene.ask(1, "add", 1, 2)
        scene.pursue()
        await scene.until(lambda: not len(scene.runner) and scene.pursue() is not None, "the outcome")
        assert scene.pursue() is None, "each is told once"


async def test_there_is_so_much_room() -> None:
    async with stage() as on:
        scene = Scene(on, slots=2)
        for number in (1, 2, 3, 4):
            scene.ask(number, "wait")
        scene.pursue()
        await scene.until(lambda: RUNNING == ["1", "2"], "two to run")
        scene.wanted.cancelling[3] = 1  # waits, and stops without ever running
        scene.pursue()
        scene.wanted.cancelling[1] = 1
        scene.pursue()
        await scene.until(lambda: RUNNING == ["1", "2", "4"], "the next one to run")
        assert STOPPED == ["1"]
        scene.runner.stop()
        await scene.until(lambda: sorted(STOPPED) == ["1", "2", "4"], "all to stop")


async def test_what_is_not_wanted_any_more_is_stopped_unless_it_was_abandoned() -> None:
    async with stage() as on:
        scene = Scene(on)
        scene.ask(1, "wait")
        scene.ask(2, "wait")
        scene.pursue()
        await scene.until(lambda: len(RUNNING) == 2, "both to run")
        scene.wanted.outstanding.clear()
        scene.wanted.abandoned[2] = 1
        scene.pursue()
        await scene.until(lambda: STOPPED == ["1"], "the first to stop")
        scene.runner.forget("run")
        await scene.until(lambda: STOPPED == ["1", "2"], "the other to stop with its workflow")
        assert scene.told == []


async def test_what_cannot_be_run_is_an_outcome() -> None:
    async with stage() as on:
        scene = Scene(on)
        scene.executor.shutdown()
        scene.ask(1, "add", 1, 2)
        scene.ask(2, "unknown")
        scene.pursue()
        await scene.until(lambda: len(scene.told) == 2, "both outcomes")
        [shut, unknown] = sorted(scene.told)
        assert shut.failure is not None
        assert "the activity executor takes no more work" in shut.failure.message
        assert unknown.failure is not None
        assert unknown.failure.info == ApplicationInfo("NotFoundError")
        assert "activity type 'unknown' is not registered with this worker" in unknown.failure.message
