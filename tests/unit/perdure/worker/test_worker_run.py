"""A worker's parts: how many, named how, started and stopped in which order."""

from __future__ import annotations

import concurrent.futures
import gc

import pytest

from perdure import activity, workflow
from perdure.worker import Worker
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskStream
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, Stage, stage


@activity.defn
async def asynchronous() -> None: ...


@activity.defn
def synchronous() -> None: ...


@workflow.defn
async def flow() -> None: ...


async def _workers(on: Stage, kind: StreamKind, count: int = 1) -> list[tuple[str, int]]:
    stream = TaskStream("default", QUEUE, kind)

    async def look() -> list[tuple[str, int]] | None:
        workers = (await on.broker.queue_state(stream)).workers
        return [(w.worker, w.slots) for w in workers] if len(workers) == count else None

    return await wait_until(look, what=f"{count} workers")


async def test_two_workers_of_one_client_have_two_names() -> None:
    async with stage() as on:
        first = Worker(on.client, task_queue=QUEUE, workflows=[flow])
        second = Worker(on.client, task_queue=QUEUE, workflows=[flow], max_concurrent_workflow_tasks=7)
        async with first, second:
            sender = on.client.transport.sender
            assert sorted(await _workers(on, StreamKind.WORKFLOW, 2)) == [(sender, 1000), (f"{sender}.2", 7)]
        assert not (await on.broker.queue_state(TaskStream("default", QUEUE, StreamKind.WORKFLOW))).workers


async def test_slots_are_no_more_than_the_executor_has_room_for() -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        async with stage() as on:
            async with Worker(on.client, task_queue=QUEUE, activities=[synchronous], activity_executor=executor):
                assert [slots for _, slots in await _workers(on, StreamKind.ACTIVITY)] == [3]
            mixed = [synchronous, asynchronous]
            async with Worker(on.client, task_queue=QUEUE, activities=mixed, activity_executor=executor):
                assert [slots for _, slots in await _workers(on, StreamKind.ACTIVITY)] == [1000]


async def test_garbage_is_collected_less_often() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        async with stage() as on, Worker(on.client, task_queue=QUEUE, workflows=[flow]):
            await _workers(on, StreamKind.WORKFLOW)
            assert gc.get_threshold() == (200_000, 5, 5)
    finally:
        gc.set_threshold(*before)


async def test_without_a_server_it_does_not_start() -> None:
    async with stage() as on:
        on.server.stop()
        with pytest.raises(BrokerUnavailable):
            await Worker(on.client, task_queue=QUEUE, workflows=[flow]).run()
        on.server.start()
