"""The execution cache: what stays in memory, and until when."""

from __future__ import annotations

import uuid

from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.requests import StartWorkflow
from perdure.protocol.updates import UpdateDelivery
from perdure_engine.core.state import AdmittedUpdate, TimerState
from perdure_engine.core.transition import Transition
from perdure_engine.core.workflow_execution import start
from perdure_engine.history.cache import RUN_OVERHEAD_BYTES, CachedRun, ExecutionCache
from perdure_engine.history.timers import HORIZON_US
from tests.engine_stage import start_request

NOW = 1_000


def run(workflow_id: str = "wf", *, shard_id: int = 0) -> CachedRun:
    request: StartWorkflow = start_request(workflow_id)
    return CachedRun(start(request, str(uuid.uuid5(uuid.NAMESPACE_OID, workflow_id)), shard_id, NOW, Transition()))


def fall_asleep(cached: CachedRun, fire_at_us: int = NOW + 2 * HORIZON_US) -> None:
    cached.state.workflow_task = None
    cached.state.timers["t"] = TimerState("t", 5, fire_at_us)


def close(cached: CachedRun) -> None:
    cached.state.status = ExecutionStatus.COMPLETED
    cached.state.outcome = Outcome(cached.state.run_id, ExecutionStatus.COMPLETED)


def test_a_run_is_found_by_both_names() -> None:
    cache = ExecutionCache()
    cached = run()
    cache.put(cached)
    assert cache.get(cached.state.run_id) is cache.latest("default", "wf") is cache.open_run("default", "wf") is cached
    assert cache.latest("other", "wf") is None


def test_a_closed_run_stays_until_it_is_durable_and_swept() -> None:
    cache = ExecutionCache()
    cached = run()
    cached.pins = 1
    cache.put(cached)
    close(cached)
    assert cache.open_run("default", "wf") is None
    assert cache.latest("default", "wf") is cached
    cache.sweep()
    assert len(cache) == 1
    cache.release(cached, NOW)
    assert len(cache) == 1
    cache.sweep()
    assert (len(cache), cache.latest("default", "wf")) == (0, None)


def test_a_run_that_sleeps_beyond_the_horizon_is_swept() -> None:
    cache = ExecutionCache()
    sleeping, awake, dozing = run("a"), run("b"), run("c")
    fall_asleep(sleeping)
    fall_asleep(dozing, NOW + HORIZON_US - 1)
    for cached in (sleeping, awake, dozing):
        cached.pins = 1
        cache.put(cached)
        cache.release(cached, NOW)
    cache.sweep()
    assert [cache.get(cached.state.run_id) is cached for cached in (sleeping, awake, dozing)] == [False, True, True]


def test_a_run_that_is_touched_again_before_the_sweep_stays() -> None:
    cache = ExecutionCache()
    cached = run()
    fall_asleep(cached)
    cached.pins = 1
    cache.put(cached)
    cache.release(cached, NOW)
    cached.pins = 1
    cache.sweep()
    assert len(cache) == 1
    cached.state.timers.clear()
    cache.release(cached, NOW)
    cache.sweep()
    assert len(cache) == 1


def test_what_was_touched_longest_ago_goes_first_when_memory_is_short() -> None:
    cache = ExecutionCache(bytes_max=2 * RUN_OVERHEAD_BYTES + 500)
    runs = [run(name) for name in "abc"]
    for cached in runs:
        cache.put(cached)
    runs[0].pins = 1
    cache.release(runs[0], NOW)
    cache.sweep()
    assert [cache.get(cached.state.run_id) is cached for cached in runs] == [True, False, True]


def test_a_pinned_run_is_never_evicted() -> None:
    cache = ExecutionCache(bytes_max=0)
    cached = run()
    cached.pins = 1
    cache.put(cached)
    cache.sweep()
    assert len(cache) == 1


def test_a_run_with_an_update_that_no_worker_has_taken_in_is_not_evicted() -> None:
    cache = ExecutionCache(bytes_max=0)
    waits, other = run("waits"), run("other")
    waits.state.admitted["u"] = AdmittedUpdate(UpdateDelivery("u", "add", b"", "me"))
    cache.put(waits)
    cache.put(other)
    cache.sweep()
    assert cache.get(waits.state.run_id) is waits
    assert cache.get(other.state.run_id) is None
    waits.state.admitted.clear()
    cache.sweep()
    assert cache.get(waits.state.run_id) is None


def test_a_run_that_was_dropped_and_loaded_anew_is_not_harmed_by_the_old_one() -> None:
    cache = ExecutionCache()
    old, new = run(), run()
    old.pins = new.pins = 1
    cache.put(old)
    cache.drop_shards(frozenset({0}))
    cache.release(old, NOW)
    cache.put(new)
    old.pins = 1
    close(old)
    cache.release(old, NOW)
    cache.sweep()
    assert cache.get(new.state.run_id) is new


def test_only_the_runs_of_dropped_shards_go() -> None:
    cache = ExecutionCache()
    for number in range(4):
        cache.put(run(f"wf-{number}", shard_id=number % 2))
    cache.drop_shards(frozenset({1}))
    assert [cache.latest("default", f"wf-{number}") is not None for number in range(4)] == [True, False, True, False]
