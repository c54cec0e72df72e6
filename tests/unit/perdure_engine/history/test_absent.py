"""After a loss of the broker's data: what runs is not published again; what nobody announces has lost its worker."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.requests import RecordActivityTaskStarted
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import ActivityTask, TaskKind, task_member
from perdure_broker.memory import MemoryLeases
from perdure_broker.port import BrokerUnavailable, RunningTask, TaskEntry
from perdure_engine.history.absent import AbsentWorkers
from perdure_engine.outstanding import ANNOUNCEMENTS_S
from tests.engine_stage import ACTIVITIES, LEASE_MS, Stage, activity, pass_time, until

LEASE_S = LEASE_MS / 1000


async def begun(stage: Stage, **fields: Any) -> tuple[TaskEntry, ActivityTask]:
    """An activity that a worker has taken and reported to run."""
    await stage.start()
    await stage.decide(activity(**fields))
    entry, task = await stage.take_activity(worker="stage")
    await stage.ask(RecordActivityTaskStarted(task.run_id, task.scheduled_event_id, 1, stage.now_us(), ""))
    assert [row.worker for row in stage.outstanding(TaskKind.ACTIVITY)] == ["stage"]
    return entry, task


def running(entry: TaskEntry, task: ActivityTask) -> RunningTask:
    return RunningTask(entry.entry_id, entry.data, member(task), task.shard_id)


def member(task: ActivityTask) -> str:
    return task_member(task.run_id, task.scheduled_event_id, task.attempt)


def undelivered(stage: Stage) -> int:
    queue = stage.server.queues.get(ACTIVITIES)
    return queue.stream.undelivered if queue is not None else 0


def attempts(stage: Stage) -> list[int]:
    return [row.attempt for row in stage.outstanding(TaskKind.ACTIVITY)]


def absent(stage: Stage) -> AbsentWorkers:
    waiting: AbsentWorkers = stage.history._absent
    return waiting


async def test_what_its_worker_announces_goes_on(stage: Stage) -> None:
    entry, task = await begun(stage)
    stage.server.flush()
    leases = MemoryLeases(stage.server)
    leases.announce("stage", {entry.stream: [running(entry, task)]})
    for _ in range(int(5 * LEASE_S)):
        leases.renew_announced("stage", {entry.stream: [member(task)]})
        await pass_time(1)
    assert attempts(stage) == [1]
    assert undelivered(stage) == 0
    await stage.finish_activity(entry, task)
    await stage.take_workflow_task()
    assert not stage.server.queues[ACTIVITIES].claimed


async def test_what_nobody_announces_has_lost_its_worker(stage: Stage) -> None:
    await begun(stage)
    lost_at = stage.loop.time()
    stage.server.flush()
    await pass_time(LEASE_S)
    assert undelivered(stage) == 0
    _, task = await stage.take_activity(within_s=10 * LEASE_S)
    assert task.attempt == 2
    assert LEASE_S <= stage.loop.time() - lost_at <= LEASE_S + 2 * ANNOUNCEMENTS_S
    await until(lambda: not len(absent(stage)), within_s=10 * LEASE_S)


async def test_a_worker_that_falls_silent_after_it_announced_is_lost(stage: Stage) -> None:
    entry, task = await begun(stage)
    stage.server.flush()
    MemoryLeases(stage.server).announce("stage", {entry.stream: [running(entry, task)]})
    _, again = await stage.take_activity(within_s=10 * LEASE_S)
    assert again.attempt == 2
    assert stage.server.queues[ACTIVITIES].announced == {}
    assert stage.server.queues[ACTIVITIES].claimed == {member(again)}


async def test_an_attempt_that_was_the_only_one_ends_with_its_worker(stage: Stage) -> None:
    await begun(stage, retry_policy=RetryPolicyData(100, maximum_attempts=1))
    stage.server.flush()
    await stage.take_workflow_task(within_s=10 * LEASE_S)
    assert attempts(stage) == []
    assert undelivered(stage) == 0


async def test_the_next_owner_of_the_shard_waits_too(stage: Stage) -> None:
    """What it must know stands on the rows."""
    entry, task = await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    stage.kill_engine("one")
    del stage.engines["one"]
    await stage.start_engine("two")
    await until(stage.history.held)
    await until(lambda: len(absent(stage)), what="a shard whose worker is waited for")
    assert undelivered(stage) == 0
    MemoryLeases(stage.server).announce("stage", {entry.stream: [running(entry, task)]})
    await until(lambda: not len(absent(stage)))
    await stage.finish_activity(entry, task)
    await stage.take_workflow_task()


async def test_the_grace_period_counts_only_while_the_broker_answers(stage: Stage) -> None:
    await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    await pass_time(LEASE_S / 2)
    stage.server.stop()
    await pass_time(3 * LEASE_S)
    stage.server.start()
    await pass_time(LEASE_S / 2)
    assert attempts(stage) == [1]
    await until(lambda: attempts(stage) == [2])


async def test_an_engine_that_was_stopped_for_long_gives_nobody_up_at_once(stage: Stage) -> None:
    await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    waiting = absent(stage)
    waiting._looked_at -= 100
    for absence in waiting._absences.values():
        absence.since -= 100
    await waiting.look()
    assert len(waiting) == 1
    assert all(stage.loop.time() - absence.since < 1 for absence in waiting._absences.values())


async def test_a_report_that_is_lost_too_is_repeated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    sent: list[Any] = []

    async def lose(entries: Any) -> None:
        sent.extend(entries)

    monkeypatch.setattr(absent(stage)._broker, "send", lose)
    await until(lambda: len(sent) == 2, within_s=10 * LEASE_S)
    assert attempts(stage) == [1]
    monkeypatch.undo()
    await until(lambda: attempts(stage) == [2])


async def test_what_ended_meanwhile_is_forgotten(stage: Stage) -> None:
    entry, task = await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    await stage.finish_activity(entry, task)
    await until(lambda: not len(absent(stage)), within_s=10 * LEASE_S)
    assert attempts(stage) == []


async def test_the_workers_of_a_lost_shard_are_its_next_owner_s(stage: Stage) -> None:
    await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    waiting = absent(stage)
    await stage.history.give_up(0)
    assert len(waiting) == 0


async def test_a_broker_that_goes_away_ends_nothing(stage: Stage) -> None:
    await begun(stage)
    stage.server.flush()
    await until(lambda: len(absent(stage)))
    stage.server.stop()
    with pytest.raises(BrokerUnavailable):
        await absent(stage).look()
    await pass_time(5)
    stage.server.start()
    await until(lambda: attempts(stage) == [2], within_s=10 * LEASE_S)
