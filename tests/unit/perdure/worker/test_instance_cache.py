"""The instances that a worker keeps."""

from __future__ import annotations

from typing import Any

from perdure.worker.instance_cache import InstanceCache


class Instance:
    def __init__(self, history_size: int = 0) -> None:
        self.is_closed = False
        self.history_size = history_size

    def close(self) -> None:
        self.is_closed = True


def test_the_least_recently_used_goes_first() -> None:
    cache = InstanceCache(2)
    a, b, c = (Instance() for _ in range(3))
    instances: Any = {"a": a, "b": b, "c": c}
    cache.keep("a", instances["a"])
    cache.keep("b", instances["b"])
    cache.keep("a", instances["a"])
    cache.keep("c", instances["c"])
    assert (a.is_closed, b.is_closed, c.is_closed) == (False, True, False)
    assert cache.get("b") is None
    assert len(cache) == 2


def test_histories_are_bounded_together_but_the_last_one_stays() -> None:
    cache = InstanceCache(10, bytes_max=100)
    a, b, c, d = Instance(40), Instance(40), Instance(40), Instance(1_000)
    for name, instance in {"a": a, "b": b, "c": c}.items():
        cache.keep(name, instance)  # type: ignore[arg-type]
    assert (a.is_closed, b.is_closed, c.is_closed) == (True, False, False)
    b.history_size = 90
    cache.keep("b", b)  # type: ignore[arg-type]
    assert (b.is_closed, c.is_closed, len(cache)) == (False, True, 1)
    cache.keep("d", d)  # type: ignore[arg-type]
    assert (b.is_closed, d.is_closed, len(cache)) == (True, False, 1)
    cache.take("d")
    cache.keep("a", Instance(100))  # type: ignore[arg-type]
    assert len(cache) == 1, "what left counts no more"


def test_another_instance_of_a_run_replaces_the_first() -> None:
    cache = InstanceCache(2)
    first, second = Instance(), Instance()
    cache.keep("a", first)  # type: ignore[arg-type]
    cache.keep("a", second)  # type: ignore[arg-type]
    assert first.is_closed
    cache.evict("a")
    cache.evict("a")
    assert second.is_closed


def test_clearing_closes_all() -> None:
    cache = InstanceCache(5)
    instances = [Instance() for _ in range(3)]
    for number, instance in enumerate(instances):
        cache.keep(str(number), instance)  # type: ignore[arg-type]
    cache.clear()
    assert all(instance.is_closed for instance in instances)
    assert cache.is_enabled
    assert not InstanceCache(0).is_enabled


def test_what_is_pinned_stays_above_the_limit() -> None:
    cache = InstanceCache(1)
    a, b, c = (Instance() for _ in range(3))
    instances: Any = {"a": a, "b": b, "c": c}
    first = cache.pin("a", instances["a"])
    last = cache.pin("a", instances["a"])
    cache.keep("b", instances["b"])
    cache.keep("c", instances["c"])
    assert (a.is_closed, b.is_closed, len(cache)) == (False, True, 2)
    cache.unpin("a", first)
    assert (cache.get("a"), c.is_closed) == (a, False)
    cache.unpin("a", last)
    assert (cache.get("a"), c.is_closed) == (a, True)


def test_what_is_pinned_can_go() -> None:
    closed: list[Instance] = []
    cache = InstanceCache(0, closed.append)  # type: ignore[arg-type]
    told: list[str] = []
    cache.on_close = told.append
    kept: Any = [Instance() for _ in range(5)]
    pin = cache.pin("unpinned", kept[0])
    cache.unpin("unpinned", pin)
    cache.pin("evicted", kept[1])
    cache.evict("evicted")
    cache.pin("replaced", kept[2])
    cache.pin("replaced", kept[3])
    cache.pin("taken", kept[4])
    cache.take("taken")
    assert (closed, told) == (kept[:3], ["unpinned", "evicted", "replaced"])
    cache.clear()
    assert closed == kept[:4]
