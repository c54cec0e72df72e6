"""What stays in memory of activities without a workflow."""

from __future__ import annotations

from perdure_engine.history.activity_cache import ActivityCache, CachedActivity
from tests.unit.perdure_engine.core.standalone.executions import Audited, completed, request


def pinned(cache: ActivityCache, said: Audited) -> CachedActivity:
    entry = CachedActivity(said.execution)
    entry.pins = 1
    cache.put(entry)
    return entry


def test_what_is_handed_out_stays_until_it_is_closed() -> None:
    cache, said = ActivityCache(), Audited()
    entry = pinned(cache, said)
    cache.release(entry, said.now_us)
    assert cache.get(said.execution.run_id) is entry
    said.decide(completed(said))
    entry.pins = 2
    cache.release(entry, said.now_us)
    assert len(cache) == 1, "another batch is not durable"
    cache.release(entry, said.now_us)
    assert len(cache) == 1, "a batch may have found it"
    cache.sweep()
    assert len(cache) == 0


def test_what_waits_leaves_when_it_is_durable() -> None:
    cache = ActivityCache()
    delayed = Audited(request(start_delay_ms=1))
    cache.release(pinned(cache, delayed), delayed.now_us)
    backlog = pinned(cache, Audited())
    backlog.is_placed = False
    cache.release(backlog, 0)
    refused = pinned(cache, Audited())
    cache.refused(refused.execution.run_id)
    cache.sweep()
    assert len(cache) == 1, "it is not durable"
    cache.release(refused, 0)
    cache.put(refused)
    cache.refused(refused.execution.run_id)
    cache.sweep()
    assert len(cache) == 0


def test_a_later_execution_of_the_id_is_left_alone() -> None:
    cache, said = ActivityCache(), Audited()
    old = pinned(cache, said)
    new = pinned(cache, Audited())
    said.decide(completed(said))
    cache.release(old, said.now_us)
    cache.sweep()
    assert cache.get(said.execution.run_id) is new


def test_the_bound_and_whole_shards() -> None:
    cache = ActivityCache(executions_max=1)
    for name in "abc":
        execution = Audited().execution
        execution.run_id = name
        execution.shard_id = ord(name)
        cache.put(CachedActivity(execution))
    first = cache.get("a")
    assert first is not None
    first.pins = 1
    cache.sweep()
    assert [name for name in "abc" if cache.get(name)] == ["a"], "what is not durable stays"
    cache.sweep()
    cache.drop_shards(frozenset({ord("a")}))
    assert len(cache) == 0
