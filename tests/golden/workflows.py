"""The code behind the golden histories. It is as old as they are: whoever changes what it does must record new ones
under another name, and keep these as they are."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure import activity, workflow
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError

SHORT = timedelta(seconds=30)


@activity.defn
async def golden_step(number: int) -> int:
    return number * 2


@activity.defn
async def golden_flaky() -> int:
    """Fails once, and succeeds at its second attempt."""
    if activity.info().attempt == 1:
        raise ApplicationError("not yet", "details", type="Flaky")
    return activity.info().attempt


@activity.defn
async def golden_broken() -> None:
    raise ApplicationError("never", type="Broken", non_retryable=True)


@activity.defn
async def golden_endless() -> None:
    """Runs until it is cancelled."""
    while True:
        activity.heartbeat("alive")
        await asyncio.sleep(0.05)


@workflow.defn(name="golden-saga")
class GoldenSaga:
    """Activities at once and in a row, a retry, a failure that is caught, timers that fire and are cancelled, signals,
    a cancelled activity, and chance."""

    def __init__(self) -> None:
        self.approvals: list[str] = []

    @workflow.signal
    def approve(self, name: str) -> None:
        self.approvals.append(name)

    @workflow.query
    def approved(self) -> list[str]:
        return self.approvals

    @workflow.run
    async def run(self, count: int) -> list[object]:
        steps = [
            workflow.execute_activity(golden_step, number, start_to_close_timeout=SHORT) for number in range(count)
        ]
        doubled = await asyncio.gather(*steps)
        retry = RetryPolicy(initial_interval=timedelta(milliseconds=10))
        tries = await workflow.execute_activity(golden_flaky, start_to_close_timeout=SHORT, retry_policy=retry)
        try:
            await workflow.execute_activity(golden_broken, start_to_close_timeout=SHORT)
        except ActivityError as error:
            reason = str(error.cause)
        endless = workflow.start_activity(golden_endless, start_to_close_timeout=SHORT, heartbeat_timeout=SHORT)
        await workflow.sleep(0.3)
        endless.cancel()
        try:
            await endless
        except ActivityError:
            doubled.append(-1)
        await workflow.wait_condition(lambda: len(self.approvals) >= 2, timeout=timedelta(hours=1))
        return [*doubled, tries, reason, self.approvals, workflow.random().randint(1, 1_000_000), str(workflow.uuid4())]


@workflow.defn(name="golden-cancelled")
class GoldenCancelled:
    """Cleans up when it is cancelled."""

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.sleep(3600)
        finally:
            await workflow.execute_activity(golden_step, 21, start_to_close_timeout=SHORT)


@workflow.defn(name="golden-failed")
class GoldenFailed:
    """Fails with a cause."""

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.execute_activity(golden_broken, start_to_close_timeout=SHORT)
        except ActivityError as error:
            raise ApplicationError("the whole is broken", type="Whole") from error


WORKFLOWS = (GoldenSaga, GoldenCancelled, GoldenFailed)
ACTIVITIES = (golden_step, golden_flaky, golden_broken, golden_endless)
