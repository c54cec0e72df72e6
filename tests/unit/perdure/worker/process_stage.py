"""A process of a worker on a stage: calls are made one at a time, and what comes of them is waited for."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from perdure.worker.activity_process import ActivityProcess, ProcessCall, start_process
from perdure.worker.process_call import outcome_of, pack_call
from perdure.worker.process_frames import Kind
from perdure.worker.process_server import ProcessSetup
from tests.unit.perdure.activity.test_information import INFO
from tests.waiting import wait_until

CONTEXT = multiprocessing.get_context()
SETUP = ProcessSetup(os.getpid(), None, (), b"", "queue", 0, ())


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""

    async def look() -> bool:
        return condition()

    await wait_until(look, what=what)


class Called:
    """One call of a function, with what was heard of it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, raises: bool = True) -> None:
        self.data = pack_call(function, arguments, INFO, raises=raises)
        self.process: ActivityProcess | None = None
        self.has_begun = False
        self.is_wanted = True
        self.returns = 0
        self.beats: list[Any] = []
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def give_to(self, process: ActivityProcess) -> None:
        self.process = process
        process.give(self, Kind.CALL, self.data)

    def begun(self, process: ActivityProcess) -> None:
        assert process is self.process
        assert not self.has_begun
        self.has_begun = True

    def returned(self) -> bool:
        self.process = None
        self.returns += 1
        return self.is_wanted

    def beaten(self, details: tuple[Any, ...]) -> None:
        self.beats.append(details)

    def answered(self, kind: Kind, body: bytes) -> None:
        assert kind == Kind.OUTCOME
        try:
            self.outcome.set_result(outcome_of(body))
        except BaseException as error:
            self.outcome.set_exception(error)

    def failed(self, error: BaseException) -> None:
        self.outcome.set_exception(error)

    async def result(self) -> Any:
        return await asyncio.wait_for(self.outcome, 30)

    async def beaten_once(self) -> None:
        await until(lambda: bool(self.beats), "the activity to begin")


class Owner:
    """What a process says beside what its calls hear."""

    def __init__(self) -> None:
        self.ended: list[ActivityProcess] = []
        self.returned: list[ProcessCall] = []
        self.sizes: list[int] = []
        self.seconds: list[float] = []

    def process_answered(self, process: ActivityProcess, seconds: float) -> None:
        self.seconds.append(seconds)

    def process_read(self, process: ActivityProcess) -> None:
        pass

    def process_returned(self, calls: list[ProcessCall]) -> None:
        self.returned += [call for call in calls if call.returned()]

    def process_full(self, process: ActivityProcess, size: int) -> None:
        self.sizes.append(size)

    def process_ended(self, process: ActivityProcess) -> None:
        self.ended.append(process)


@asynccontextmanager
async def process_of(owner: Owner, **setup: Any) -> AsyncIterator[ActivityProcess]:
    """One that is ended with the block."""
    loop = asyncio.get_running_loop()
    process = start_process(CONTEXT, SETUP._replace(**setup))
    process.attach(loop, owner)
    try:
        yield process
    finally:
        if process not in owner.ended:
            process.close()
        await loop.run_in_executor(None, process._process.join, 10)


async def call(process: ActivityProcess, function: Callable[..., Any], *arguments: Any) -> Any:
    """Make a call and wait for what comes of it."""
    made = Called(function, *arguments)
    made.give_to(process)
    process.flush()
    return await made.result()


async def begin(process: ActivityProcess, function: Callable[..., Any], **how: Any) -> Called:
    """Make a call, and wait until it has told that it runs."""
    made = Called(function, **how)
    made.give_to(process)
    process.flush()
    await made.beaten_once()
    return made
