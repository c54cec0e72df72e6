"""What the workers of these tests run. Every activity writes a line of the journal when an attempt begins."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta

from perdure import activity, workflow
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError
from tests.fault.journal import write_line

TASK_QUEUE = "streams"
HOUR_SECONDS = 3600
TIMEOUT = timedelta(minutes=10)

LEASE_SECONDS = 1.0
LONG_SECONDS = 5 * LEASE_SECONDS
ETA_SECONDS = 3 * LEASE_SECONDS

DOOMED = "PERDURE_TEST_DOOMED"
"""Environment of a worker process that is going to be killed: its activities hang until then."""


class Gauge:
    """How many activities of this process run, and how many ran at once at the most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


slow_ones = Gauge()


@activity.defn
async def work(number: int) -> int:
    write_line()
    if os.environ.get(DOOMED):
        await asyncio.sleep(HOUR_SECONDS)
    return number


@activity.defn
async def slow(seconds: float) -> float:
    write_line()
    with slow_ones:
        await asyncio.sleep(seconds)
    return seconds


@activity.defn
async def block_the_loop(seconds: float) -> float:
    """What an `async` activity must not do, and what users do all the same."""
    write_line()
    time.sleep(seconds)  # noqa: ASYNC251 - this is the mistake that the test is about
    return seconds


@activity.defn
async def fail_first(number: int) -> int:
    write_line()
    if activity.info().attempt == 1:
        raise ApplicationError("the first attempt fails")
    return number


@activity.defn
async def fail_for_good(number: int) -> int:
    write_line()
    raise ApplicationError(f"{number} cannot be done", non_retryable=True)


@workflow.defn
class FanOut:
    """So many activities at once; the sum of what they return."""

    @workflow.run
    async def run(self, count: int) -> int:
        numbers = await asyncio.gather(
            *(workflow.execute_activity(work, number, start_to_close_timeout=TIMEOUT) for number in range(count))
        )
        return sum(numbers)


@workflow.defn
class SlowOnes:
    """So many activities at once, each of which takes a while."""

    @workflow.run
    async def run(self, count: int, seconds: float) -> int:
        done = await asyncio.gather(
            *(workflow.execute_activity(slow, seconds, start_to_close_timeout=TIMEOUT) for _ in range(count))
        )
        return len(done)


@workflow.defn
class BlockedOne:
    """An activity that blocks its worker, and others beside it."""

    @workflow.run
    async def run(self, seconds: float, neighbours: int) -> int:
        blocked = workflow.start_activity(block_the_loop, seconds, start_to_close_timeout=TIMEOUT)
        done = await asyncio.gather(
            *(workflow.execute_activity(work, number, start_to_close_timeout=TIMEOUT) for number in range(neighbours))
        )
        await blocked
        return len(done)


@workflow.defn
class Later:
    """Waits for longer than a lease, then does something; and does something again, long after it failed."""

    @workflow.run
    async def run(self, seconds: float) -> int:
        retry = RetryPolicy(initial_interval=timedelta(seconds=seconds))
        retried = workflow.start_activity(fail_first, 1, start_to_close_timeout=TIMEOUT, retry_policy=retry)
        await workflow.sleep(seconds)
        first = await workflow.execute_activity(work, 2, start_to_close_timeout=TIMEOUT)
        return first + await retried


@workflow.defn
class Sleeper:
    @workflow.run
    async def run(self, seconds: float) -> None:
        await workflow.sleep(seconds)


@workflow.defn
class Chord:
    """Children of every fate, and a parent that goes on with what it got."""

    @workflow.run
    async def run(self, count: int) -> tuple[int, int]:
        calls = [
            workflow.start_activity(
                (work, fail_first, fail_for_good)[number % 3],
                number,
                start_to_close_timeout=TIMEOUT,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
            )
            for number in range(count)
        ]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        return sum(type(end) is int for end in ends), sum(isinstance(end, ActivityError) for end in ends)


@workflow.defn
class Steps:
    """So many activities, one after the other."""

    @workflow.run
    async def run(self, count: int) -> int:
        done = 0
        for number in range(count):
            await workflow.execute_activity(work, number, start_to_close_timeout=TIMEOUT)
            done += 1
        return done


WORKFLOWS = (FanOut, SlowOnes, BlockedOne, Later, Sleeper, Chord, Steps)
ACTIVITIES = (work, slow, block_the_loop, fail_first, fail_for_good)
