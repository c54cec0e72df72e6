"""Handles in coroutines; those of plain code are tried against a real cluster."""

from __future__ import annotations

import pytest

from perdure.client import ActivityExecutionStatus
from perdure.exceptions import ApplicationError, CancelledError
from perdure.tasks import TaskHandle
from tests.unit.perdure.tasks.chores import add, count_up, drop, household
from tests.waiting import wait_until


async def test_awaited_described_and_cancelled() -> None:
    async with household():
        handle = await add.adelay(1)
        assert await handle == 6
        seen = await handle.adescribe()
        assert (seen.status, await seen.result()) == (ActivityExecutionStatus.COMPLETED, 6)
        later = await add.aapply_async((1,), countdown=3_600)
        await later.acancel("not needed")
        with pytest.raises(CancelledError):
            await later


async def test_progress_is_at_most_a_second_old() -> None:
    async with household():
        handle = await count_up.adelay()

        async def has_moved() -> bool:
            return (await handle.aprogress() or 0) > 10

        await wait_until(has_moved, what="it tells how far it is, more than once")
        assert await handle == handle.id


async def test_what_failed_for_good_is_enqueued_again() -> None:
    async with household():
        handle = await drop.adelay("the vase")
        with pytest.raises(ApplicationError, match="the vase is broken"):
            await handle
        again = await handle.arequeue()
        assert (again.id, again.run_id != handle.run_id) == (handle.id, True)
        with pytest.raises(ApplicationError, match="the vase is broken"):
            await again


async def test_a_coroutine_does_not_wait() -> None:
    handle = TaskHandle[int]("a", None, int)
    assert repr(handle) == "TaskHandle('a', None)"
    for call in (handle.get, handle.cancel, handle.requeue, handle.progress, handle.describe, lambda: handle.status):
        with pytest.raises(RuntimeError, match="would hold up the event loop"):
            call()
