"""A whole engine on a database that conflicts and loses its connections, all the time: everything completes, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import cycle

import psycopg
import pytest

from perdure import activity, workflow
from perdure.worker import Worker
from perdure_store.postgres import PostgresStore
from tests.disturbed_connection import Fate, disturb, let_refuse
from tests.memory_cluster import memory_cluster

RUNS = 60
STEPS = 4
FINISH_S = 60
LIMIT = timedelta(seconds=FINISH_S)

started: Counter[str] = Counter()


@activity.defn(name="count-me")
async def count_me(step: int) -> int:
    started[activity.info().idempotency_key] += 1
    return step


@workflow.defn(name="counting")
class Counting:
    def __init__(self) -> None:
        self.told: list[int] = []

    @workflow.signal
    def tell(self, number: int) -> None:
        self.told.append(number)

    @workflow.run
    async def run(self) -> list[int]:
        steps = [await workflow.execute_activity(count_me, step, schedule_to_close_timeout=LIMIT) for step in (1, 2)]
        together = (workflow.execute_activity(count_me, step, schedule_to_close_timeout=LIMIT) for step in (3, 4))
        steps += await asyncio.gather(*together)
        await workflow.wait_condition(lambda: len(self.told) == 2)
        await workflow.sleep(0.01)
        return [*steps, *sorted(self.told)]


class Squall:
    """Of the commits every second is disturbed, of all other statements every fifteenth, while it blows."""

    def __init__(self) -> None:
        self.blows = False
        self.counts: Counter[Fate] = Counter()
        self._commits = cycle((Fate.CONFLICT, Fate.PASS, Fate.LOSE, Fate.PASS, Fate.LOSE_ANSWER, Fate.PASS))
        others = ((*[Fate.PASS] * 14, fate) for fate in (Fate.CONFLICT, Fate.LOSE, Fate.LOSE_ANSWER))
        self._others = cycle([fate for few in others for fate in few])

    def fate_of(self, statement: bytes) -> Fate:
        if not self.blows:
            return Fate.PASS
        fate = next(self._commits if statement == b"COMMIT" else self._others)
        self.counts[fate] += 1
        return fate


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_everything_completes_once(
    emptied_database_dsn: str, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.clear()
    let_refuse(emptied_database_dsn)
    squall = Squall()
    disturb(monkeypatch, squall)
    store = PostgresStore(emptied_database_dsn, isolation=isolation)
    async with (
        memory_cluster(store) as client,
        Worker(client, task_queue="squall", workflows=[Counting], activities=[count_me]),
        asyncio.timeout(FINISH_S),
    ):
        squall.blows = True
        starts = (client.start_workflow(Counting.run, id=f"run-{n}", task_queue="squall") for n in range(RUNS))
        handles = await asyncio.gather(*starts)
        for number in (5, 6):
            await asyncio.gather(*(handle.signal(Counting.tell, number) for handle in handles))
        results = await asyncio.gather(*(handle.result() for handle in handles))
        squall.blows = False
    await store.close()
    assert results == [[1, 2, 3, 4, 5, 6]] * RUNS
    assert len(started) == RUNS * STEPS
    assert set(started.values()) == {1}, "an activity ran again although its worker lives"
    assert min(squall.counts.values()) >= 3, f"the squall was a breeze: {squall.counts}"
    with psycopg.connect(emptied_database_dsn) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM perdure.dead_letters), "
            "(SELECT count(*) FROM perdure.timer_tasks WHERE shard_id >= 0), "
            "(SELECT count(*) FROM perdure.transfer_tasks WHERE kind <> 3 AND shard_id >= 0), "
            "(SELECT count(*) FROM perdure.executions WHERE status = 1)"
        ).fetchone()
    assert left == (0, 0, 0, 0), "dead letters, timers, tasks, open runs"
