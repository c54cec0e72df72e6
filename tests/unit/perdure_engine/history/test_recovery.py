"""Recovery: what is missing from the streams, and never what is over or on its way."""

from __future__ import annotations

import pytest

from perdure.protocol.replies import ReplyKind
from perdure.protocol.requests import ActivityReport, ReportActivity, RespondActivityTaskDetached
from perdure.protocol.tasks import TaskKind, task_member
from perdure_broker.port import Outbox, Publication
from perdure_engine.core.transition import DETACHED
from perdure_engine.history import recovery
from perdure_engine.history.batch import VISIBILITY_KIND
from perdure_engine.history.recovery import Recovery
from perdure_engine.history.visibility import VisibilityWriter
from perdure_store.memory import MemoryStore
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import ACTIVITIES, POST, Stage, activity, done, pass_time


def recovery_of(stage: Stage, store: MemoryStore | None = None) -> Recovery:
    history = stage.history
    return Recovery(store or stage.store, stage.broker, history.cache, history._visibility, POST)


async def missing(stage: Stage, found_by: Recovery | None = None, *, age_s: float = 0.0) -> list[TransferRow]:
    older_than_us = stage.now_us() - int(age_s * 1_000_000)
    by = found_by or recovery_of(stage)
    return [row async for rows in by.missing(0, older_than_us=older_than_us) for row in rows]


async def prepared(stage: Stage, count: int = 3) -> None:
    await stage.start()
    await stage.decide(*(activity(str(number)) for number in range(count)))


async def test_what_is_published_is_not_missing(stage: Stage) -> None:
    await prepared(stage)
    assert await missing(stage) == []


async def test_what_the_stream_lost_is_missing(stage: Stage) -> None:
    await prepared(stage)
    stage.server.queues[ACTIVITIES].claimed.clear()
    rows = await missing(stage)
    assert [row.kind for row in rows] == [TaskKind.ACTIVITY] * 3
    repair = recovery_of(stage).prepare(rows)
    assert len(repair.rows) == len(repair.outbox.publish[ACTIVITIES]) == 3
    assert repair.outbox.publish[ACTIVITIES][0] == Publication(
        0, task_member(rows[0].run_id, rows[0].event_id, 1), rows[0].data
    )


async def test_what_is_young_is_on_its_way(stage: Stage) -> None:
    await prepared(stage)
    stage.server.queues[ACTIVITIES].claimed.clear()
    assert await missing(stage, age_s=10) == []


async def test_pages_follow_each_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "PAGE", 2)
    await prepared(stage, 7)
    stage.server.queues[ACTIVITIES].claimed.clear()
    assert len(await missing(stage)) == 7


async def test_what_is_over_in_memory_is_not_missing(stage: Stage) -> None:
    await prepared(stage, 1)
    row = stage.outstanding(TaskKind.ACTIVITY)[0]
    entry, task = await stage.take_activity()
    await stage.finish_activity(entry, task)
    stage.database.transfer[0][TransferKey(*row[:4])] = row
    assert await missing(stage) == []
    assert recovery_of(stage).prepare([row]).outbox == Outbox()


async def test_what_is_finished_while_streams_are_compared_is_not_missing(stage: Stage) -> None:
    """Its run is closed and out of memory, its row gone: only the store can tell."""
    await prepared(stage, 1)
    entry, task = await stage.take_activity()

    async def finish_first(method: str) -> None:
        if method == "transfer_rows":
            await stage.finish_activity(entry, task)
            await stage.decide(done())
            await pass_time(3)

    by = recovery_of(stage, MemoryStore(stage.database, on_call=finish_first))
    stage.server.queues[ACTIVITIES].claimed.clear()
    assert await missing(stage, by) == []
    assert not stage.outstanding(TaskKind.ACTIVITY)


async def test_a_waiting_backlog_is_marked_again_and_not_published(stage: Stage) -> None:
    await prepared(stage, 2)
    table = stage.database.transfer[0]
    stage.server.queues[ACTIVITIES].claimed.clear()
    for key, row in list(table.items()):
        if row.kind == TaskKind.ACTIVITY:
            table[key] = row._replace(backlog=True)
    repair = recovery_of(stage).prepare(await missing(stage))
    assert (repair.outbox.backlogged, repair.rows, repair.outbox.publish) == ({ACTIVITIES}, {}, {})


async def test_what_a_worker_runs_is_not_published(stage: Stage) -> None:
    """Its row tells, or memory alone, which may be ahead of the row."""
    await prepared(stage, 3)
    stage.server.queues[ACTIVITIES].claimed.clear()
    rows = await missing(stage)
    told = rows[0]._replace(worker="worker")
    state = stage.history.cache.get(rows[1].run_id).state
    state.activities[rows[1].event_id].worker = "other"
    repair = recovery_of(stage).prepare([told, *rows[1:]])
    assert [row.worker for row in repair.running] == ["worker", "other"]
    assert len(repair.rows) == 1


async def test_a_report_that_comes_while_streams_are_compared_counts(stage: Stage) -> None:
    await prepared(stage, 1)
    table = stage.database.transfer[0]

    async def report_first(method: str) -> None:
        if method == "transfer_rows":
            for key, row in list(table.items()):
                table[key] = row._replace(worker="worker")

    by = recovery_of(stage, MemoryStore(stage.database, on_call=report_first))
    stage.server.queues[ACTIVITIES].claimed.clear()
    assert [row.worker for row in await missing(stage, by)] == ["worker"]


async def test_activities_can_be_left_for_later(stage: Stage) -> None:
    await prepared(stage, 2)
    stage.server.queues[ACTIVITIES].claimed.clear()
    rows = await missing(stage)
    running = rows[0]._replace(worker="worker")
    repair = recovery_of(stage).prepare([running, *rows[1:]], with_activities=False)
    assert (repair.outbox, repair.rows, repair.running) == (Outbox(), {}, [running])


async def test_visibility_records_are_taken_over(stage: Stage) -> None:
    run_id = await stage.start()
    await pass_time(2)
    stage.database.visibility.clear()
    key = TransferKey(0, run_id, VISIBILITY_KIND, 1)
    stage.database.transfer[0][key] = TransferRow(*key, 1, 0, "default", "", 0, False, 1, b"")
    assert await missing(stage) == []
    await pass_time(2)
    assert [row.run_id for row in stage.database.visibility.values()] == [run_id]
    assert key not in stage.database.transfer[0]
    assert isinstance(stage.history._visibility, VisibilityWriter)


async def test_an_attempt_that_its_worker_let_go_of_is_nobodys_to_run(stage: Stage) -> None:
    """After the streams are lost it is neither published again, nor is a worker waited for that runs it."""
    await prepared(stage, 1)
    entry, task = await stage.take_activity()
    detached = RespondActivityTaskDetached(
        task.run_id, task.scheduled_event_id, task.attempt, stage.now_us(), "w1", entry.stream, entry.entry_id
    )
    assert (await stage.ask(detached))[0] == ReplyKind.OK
    assert (await stage.broker.queue_state(ACTIVITIES)).pending == 0
    [row] = stage.outstanding(TaskKind.ACTIVITY)
    assert row.worker == DETACHED
    stage.server.flush()
    for known in (row, row._replace(worker="")):  # memory is ahead of a row that was read before the commit
        repair = recovery_of(stage).prepare([known])
        assert repair.rows == {}
        assert repair.running == []
    report = ReportActivity(
        "default", "wf", "", "0", 0, 0, ActivityReport.COMPLETED, b"done", None, b"", "report-1", "outside"
    )
    for _ in range(2):
        assert (await stage.ask(report))[0] == ReplyKind.OK
    assert stage.outstanding(TaskKind.ACTIVITY) == []
