"""Content in memory: by run, bounded, the least recently used going first."""

from __future__ import annotations

from perdure.content.cache import ContentCache


def test_each_run_has_its_own() -> None:
    cache = ContentCache(10_000)
    cache.put("run", {b"a": b"data"})
    assert cache.get("run", b"a") == b"data"
    assert cache.get("another", b"a") is None
    assert cache.get("run", b"b") is None


def test_it_is_bounded_in_bytes() -> None:
    cache = ContentCache(10_000)
    cache.put("run", {bytes([number]): bytes(1_000) for number in range(5)})
    assert cache.get("run", b"\0") is not None
    cache.put("run", {bytes([number]): bytes(1_000) for number in range(5, 10)})
    assert len(cache) == 7
    assert cache.get("run", b"\0") is not None, "used last"
    assert cache.get("run", b"\1") is None
    cache.put("run", {b"\0": bytes(1_000)})
    assert len(cache) == 7, "what is there is not counted twice"
    cache.put("run", {b"large": bytes(20_000)})
    assert len(cache) == 0
