"""A poisoned workflow or activity never stops its neighbours."""

from __future__ import annotations

import asyncio
import concurrent.futures
from datetime import timedelta
from typing import Any

import pytest

from perdure.client import WorkflowFailureError, WorkflowHandle
from perdure.exceptions import ActivityError
from tests.fault.hostile.live import QUEUE, live
from tests.fault.hostile.rude_code import ASYNC_ACTIVITIES, PROCESS_ACTIVITIES, RUDE_WAYS, CallsRudely, IsRude
from tests.waiting import wait_until


async def failure_of(handle: WorkflowHandle[Any, Any]) -> WorkflowFailureError:
    async with asyncio.timeout(20):
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    return caught.value


async def test_rude_activities_fail_alone(database_dsn: str, redis_url: str) -> None:
    async with live(database_dsn, redis_url) as on, on.worker(*ASYNC_ACTIVITIES, workflows=(CallsRudely,)):
        for function in ASYNC_ACTIVITIES:
            name = function.__name__
            handle = await on.client.start_workflow(CallsRudely.run, name, id=name, task_queue=QUEUE)
            assert isinstance((await failure_of(handle)).cause, ActivityError), name
        await on.neighbours_finish()


async def test_rude_activities_in_processes_fail_alone(database_dsn: str, redis_url: str) -> None:
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        options = {"workflows": (CallsRudely,), "activity_executor": executor}
        async with live(database_dsn, redis_url) as on, on.worker(*PROCESS_ACTIVITIES, **options):
            for number, function in enumerate((*PROCESS_ACTIVITIES, *PROCESS_ACTIVITIES)):
                name = function.__name__
                handle = await on.client.start_workflow(CallsRudely.run, name, id=f"{name}-{number}", task_queue=QUEUE)
                assert isinstance((await failure_of(handle)).cause, ActivityError), name
            await on.neighbours_finish()


async def test_rude_workflows_fail_their_tasks_alone(database_dsn: str, redis_url: str) -> None:
    limit = timedelta(milliseconds=200)
    async with live(database_dsn, redis_url) as on, on.worker(workflows=(IsRude,), deadlock_timeout=limit):
        handles = [await on.client.start_workflow(IsRude.run, how, id=how, task_queue=QUEUE) for how in RUDE_WAYS]
        await on.neighbours_finish()

        async def all_failed() -> bool:
            described = [await handle.describe() for handle in handles]
            tasks = [description.pending_workflow_task for description in described]
            return all(task is not None and task.last_failure is not None for task in tasks)

        await wait_until(all_failed, what="a failed task of each")
        for handle in handles:
            await handle.terminate("it was rude")
        await on.neighbours_finish()
