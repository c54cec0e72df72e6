"""Visibility rows: right in the end, whatever happens on the way, and one write for a short workflow."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.events import WorkflowExecutionStarted
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure_engine.history import visibility
from perdure_engine.history.batch import VISIBILITY_KIND, Batch
from perdure_engine.history.windows import Windows
from perdure_store.memory import CommitFault
from perdure_store.port import StoreUnavailable, VisibilityRow
from tests.engine_stage import POST, ROUTING, Stage, activity, completion, done, pass_time, until

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})


def seen(stage: Stage, workflow_id: str = "wf") -> VisibilityRow | None:
    return next((row for row in stage.database.visibility.values() if row.workflow_id == workflow_id), None)


class Writes:
    """Counts the writes, and makes them fail."""

    def __init__(self, stage: Stage, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures
        stage.store_calls = self

    async def __call__(self, method: str) -> None:
        if method == "upsert_visibility":
            self.count += 1
            if self.failures:
                self.failures -= 1
                raise StoreUnavailable("not now")


async def test_an_open_run_becomes_visible(stage: Stage) -> None:
    run_id = await stage.start(memo=MEMO)
    await until(lambda: seen(stage), within_s=2)
    row = seen(stage)
    assert row is not None
    assert (row.run_id, row.status, row.close_time_us, row.memo) == (run_id, ExecutionStatus.RUNNING, 0, MEMO)
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=3)


async def test_a_short_workflow_costs_one_write(stage: Stage) -> None:
    writes = Writes(stage)
    await stage.start()
    await stage.decide(done())
    await until(lambda: seen(stage), within_s=2)
    row = seen(stage)
    assert row is not None
    assert (row.status, row.history_length, writes.count) == (ExecutionStatus.COMPLETED, 5, 1)
    await until(lambda: not stage.outstanding(), within_s=3)


async def test_a_long_one_is_written_at_both_ends(stage: Stage) -> None:
    await stage.start()
    await until(lambda: seen(stage), within_s=2)
    await stage.decide(done())
    await until(lambda: (row := seen(stage)) and row.status == ExecutionStatus.COMPLETED, within_s=2)
    await until(lambda: not stage.outstanding(), within_s=3)


async def test_a_write_that_fails_is_repeated_and_the_newest_wins(stage: Stage) -> None:
    writes = Writes(stage, failures=2)
    await stage.start()
    await until(lambda: writes.count == 1)
    await stage.decide(done())
    await until(lambda: not stage.outstanding(), within_s=10)
    row = seen(stage)
    assert row is not None
    assert row.status == ExecutionStatus.COMPLETED


async def test_nothing_is_visible_before_it_is_durable(stage: Stage) -> None:
    await stage.start()
    await until(lambda: seen(stage), within_s=2)
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, done()))
    await pass_time(3)
    row = seen(stage)
    assert row is not None
    assert row.status == ExecutionStatus.RUNNING


async def test_the_next_owner_writes_what_was_left(stage: Stage) -> None:
    Writes(stage, failures=1_000)
    await stage.start("open", memo=MEMO)
    await stage.decide(activity())
    await stage.start("closed", memo=MEMO)
    await stage.decide(done())
    await pass_time(0.5)
    stage.kill_engine("one")
    stage.store_calls = None
    assert not stage.database.visibility
    await stage.start_engine("two")
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=12)
    rows = {row.workflow_id: row.status for row in stage.database.visibility.values()}
    assert rows == {"open": ExecutionStatus.RUNNING, "closed": ExecutionStatus.COMPLETED}
    assert {row.memo for row in stage.database.visibility.values()} == {MEMO}


async def test_a_record_that_is_taken_over_does_not_make_a_close_visible_too_soon(stage: Stage) -> None:
    """The record of the beginning is found in the store while the close is noted, but not durable."""
    await stage.start()
    await until(lambda: seen(stage), within_s=2)
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, done()))
    await until(lambda: len(stage.history._visibility) == 1)
    [row] = stage.database.executions.values()
    key = visibility.TransferKey(0, row.run_id, VISIBILITY_KIND, 1)
    stage.history._visibility.recover(key, row, WorkflowExecutionStarted("type", "queue"))
    await pass_time(2)
    found = seen(stage)
    assert found is not None
    assert found.status == ExecutionStatus.RUNNING
    stage.commit_rule = lambda batch: CommitFault.NONE
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=5)
    found = seen(stage)
    assert found is not None
    assert found.status == ExecutionStatus.COMPLETED


async def test_a_record_taken_over_from_a_row_that_is_gone_does_not_stand_for_the_close(stage: Stage) -> None:
    """The row was read before it was deleted: should the engine die now, nothing would tell of the close."""
    await stage.start()
    await until(lambda: seen(stage) and not stage.outstanding(VISIBILITY_KIND), within_s=3)
    [row] = stage.database.executions.values()
    key = visibility.TransferKey(0, row.run_id, VISIBILITY_KIND, 1)
    stage.history._visibility.recover(key, row, WorkflowExecutionStarted("type", "queue"))
    Writes(stage, failures=1_000)
    await stage.decide(done())
    await pass_time(0.5)
    stage.kill_engine("one")
    stage.store_calls = None
    await stage.start_engine("two")
    await until(lambda: (found := seen(stage)) and found.status == ExecutionStatus.COMPLETED, within_s=12)


async def test_many_records_are_written_in_bounded_writes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visibility, "ROWS_MAX", 3)
    for index in range(10):
        await stage.start(f"wf-{index}")
    await until(lambda: len(stage.database.visibility) == 10, within_s=5)
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=5)


async def test_while_many_wait_they_linger_for_longer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visibility, "ROWS_MAX", 3)
    for index in range(3):
        await stage.start(f"wf-{index}")
    await pass_time(2 * visibility.LINGER_S)
    assert not stage.database.visibility
    await until(lambda: len(stage.database.visibility) == 3, within_s=2 * visibility.LINGER_BUSY_S)


async def test_the_end_wins_when_both_records_are_taken_over(stage: Stage) -> None:
    """The beginning was taken over when the run was open still, and waits when the end is found as well."""
    run_id = await stage.start()
    await pass_time(2)
    await stage.decide(done())
    await pass_time(2)
    [closed] = stage.database.executions.values()
    opened = closed._replace(status=ExecutionStatus.RUNNING, close_time_us=0, history_length=0)
    stage.database.visibility.clear()
    started = WorkflowExecutionStarted("type", "queue")
    for version, row in ((1, opened), (2, closed), (1, opened)):
        stage.history._visibility.recover(visibility.TransferKey(0, run_id, VISIBILITY_KIND, version), row, started)
    await until(lambda: seen(stage))
    found = seen(stage)
    assert found is not None
    assert found.status == ExecutionStatus.COMPLETED


async def test_a_batch_that_is_durable_does_not_make_visible_what_a_later_one_noted(stage: Stage) -> None:
    await stage.start()
    await until(lambda: seen(stage), within_s=2)
    earlier = Batch(0, 0.0, Windows(), POST, ROUTING)
    earlier.visible.append(next(iter(stage.database.executions.values())).run_id)
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, done()))
    await until(lambda: len(stage.history._visibility) == 1)
    stage.history._visibility.ready(earlier)
    await pass_time(2)
    found = seen(stage)
    assert found is not None
    assert found.status == ExecutionStatus.RUNNING


def upsert(amount: int) -> UpsertSearchAttributes:
    return UpsertSearchAttributes(pack_search_attributes({"Amount": (int(SearchAttributeType.INT), amount)}))


def note(text: bytes) -> ModifyWorkflowProperties:
    return ModifyWorkflowProperties(pack_memo({"note": Payload({}, text)}))


async def test_what_a_workflow_changes_becomes_visible_while_it_is_open(stage: Stage) -> None:
    await stage.start(memo=MEMO)
    await until(lambda: seen(stage), within_s=2)
    await stage.decide(upsert(12), note(b"new"))
    await until(lambda: (row := seen(stage)) and row.search_attributes, within_s=2)
    row = seen(stage)
    assert row is not None
    assert (row.search_attributes, row.memo) == ('{"Amount:Int": 12}', note(b"new").upserted_memo)
    assert (row.status, row.close_time_us) == (ExecutionStatus.RUNNING, 0)
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=3)


async def test_what_a_workflow_changed_survives_its_close_and_the_engine(stage: Stage) -> None:
    """Nothing of it is written while the first engine lives: the rows that stand for it tell all."""
    Writes(stage, failures=1_000)
    await stage.start("open", memo=MEMO)
    await stage.decide(upsert(1), activity())
    await stage.start("closed", memo=MEMO)
    await stage.decide(upsert(2), note(b"last"), done())
    await pass_time(0.5)
    stage.kill_engine("one")
    stage.store_calls = None
    await stage.start_engine("two")
    await until(lambda: not stage.outstanding(VISIBILITY_KIND), within_s=12)
    rows = {row.workflow_id: row for row in stage.database.visibility.values()}
    assert (rows["open"].search_attributes, rows["open"].memo) == ('{"Amount:Int": 1}', MEMO)
    assert rows["closed"].status == ExecutionStatus.COMPLETED
    assert (rows["closed"].search_attributes, rows["closed"].memo) == (
        '{"Amount:Int": 2}',
        note(b"last").upserted_memo,
    )
