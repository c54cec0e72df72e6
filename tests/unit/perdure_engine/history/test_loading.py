"""Loading: open runs are rebuilt from snapshot, history and heartbeats; what does not fold harms nobody else."""

from __future__ import annotations

import pytest

from perdure.protocol.requests import DescribeWorkflow, RecordActivityTaskHeartbeat, SignalWorkflow, StartWorkflow
from perdure_engine.core.state import Bug
from perdure_engine.history import cache as cache_module
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.loading import Loaded, load, rebuild
from perdure_store.port import ExecutionKey, ExecutionRow
from tests.engine_stage import Stage, activity, done, start_request


def row(run_id: str, status: int, start_time_us: int, workflow_id: str = "wf") -> ExecutionRow:
    return ExecutionRow(0, run_id, "default", workflow_id, "type", "queue", status, start_time_us)


def key(run_id: str = "", workflow_id: str = "wf") -> ExecutionKey:
    return ExecutionKey(0, "default", workflow_id, run_id)


def test_the_latest_run_is_the_open_one_or_the_last_that_began() -> None:
    loaded = Loaded()
    for item in (row("old", 2, 5), row("newer", 2, 9), row("oldest", 3, 1)):
        loaded.note(item)
    latest = loaded.latest("default", "wf")
    assert latest is not None
    assert latest.run_id == "newer"
    loaded.note(row("open", 1, 3))
    latest = loaded.latest("default", "wf")
    assert latest is not None
    assert latest.run_id == "open"
    assert loaded.run("old") is not None
    assert loaded.run("unknown") is loaded.latest("default", "another") is None


def test_a_broken_run_is_known_by_either_name() -> None:
    loaded = Loaded()
    loaded.note(row("r", 1, 3))
    loaded.broken["r"] = "why"
    by_id = SignalWorkflow("default", "wf", "", "go", b"", "s", "me")
    start: StartWorkflow = start_request()
    assert loaded.broken_reason(by_id) == loaded.broken_reason(DescribeWorkflow("default", "", "r")) == "why"
    assert loaded.broken_reason(start) == "why"
    assert loaded.broken_reason(by_id._replace(workflow_id="another")) is None


@pytest.mark.parametrize("snapshot_every", [1, 10**9])
async def test_a_run_is_rebuilt_as_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch, snapshot_every: int) -> None:
    monkeypatch.setattr(cache_module, "SNAPSHOT_EVERY_BYTES", snapshot_every)
    run_id = await stage.start()
    await stage.decide(activity("a"), activity("b"))
    _, task = await stage.take_activity()
    await stage.ask(RecordActivityTaskHeartbeat(run_id, task.scheduled_event_id, 1, b"half", "worker"))
    state = stage.history.cache.get(run_id).state
    assert bool(stage.database.snapshots) == (snapshot_every == 1)
    cache = ExecutionCache()
    loaded = await load(stage.store, cache, [key(run_id), key(), key("", "unknown")])
    again = cache.get(run_id)
    assert again is not None
    assert not loaded.broken
    for name in ("next_event_id", "batch_no", "history_size_bytes", "status", "last_completed_event_id"):
        assert getattr(again.state, name) == getattr(state, name)
    assert again.state.activities.keys() == state.activities.keys()
    assert again.state.activities[task.scheduled_event_id].heartbeat_details == b"half"


async def test_what_memory_holds_is_newer_than_the_store(stage: Stage) -> None:
    run_id = await stage.start()
    cached = stage.history.cache.get(run_id)
    loaded = await load(stage.store, stage.history.cache, [key()])
    assert stage.history.cache.get(run_id) is cached
    assert loaded.latest("default", "wf") is None


async def test_a_closed_run_is_a_row_only(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(done())
    cache = ExecutionCache()
    loaded = await load(stage.store, cache, [key()])
    assert (len(cache), loaded.run(run_id) is not None) == (0, True)


async def test_a_gap_in_the_history_is_noticed(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(activity())
    [[execution]] = await stage.store.load([key(run_id)])
    with pytest.raises(Bug, match="history row 1 after 1"):
        rebuild(execution._replace(history=(execution.history[0], execution.history[0])))
    with pytest.raises(Bug, match="no history"):
        rebuild(execution._replace(history=()))


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x92\x01\x90"])
async def test_a_run_that_cannot_be_rebuilt_is_reported(stage: Stage, data: bytes) -> None:
    run_id = await stage.start()
    history = stage.database.history[0, run_id]
    history[1] = history[1]._replace(data=data)
    cache = ExecutionCache()
    loaded = await load(stage.store, cache, [key(run_id)])
    assert run_id in loaded.broken
    assert len(cache) == 0


async def test_nothing_wanted_asks_nothing(stage: Stage) -> None:
    calls: list[str] = []

    async def note(method: str) -> None:
        calls.append(method)

    stage.store._on_call = note
    await load(stage.store, ExecutionCache(), [])
    assert calls == []
