"""Sticky tasks become due in order, once."""

from __future__ import annotations

from perdure_engine.history.sticky import STICKY_TIMEOUT_S, StickyTask, StickyWatch

FIRST, SECOND = StickyTask(0, "a", 5, 1), StickyTask(1, "b", 6, 2)


def test_a_task_is_due_after_its_time() -> None:
    watch = StickyWatch()
    assert watch.next_due_s() is None
    watch.published([FIRST], 10.0)
    watch.published([SECOND], 11.0)
    assert watch.next_due_s() == 10.0 + STICKY_TIMEOUT_S
    assert watch.take_due(10.0 + STICKY_TIMEOUT_S - 0.001) == []
    assert watch.take_due(10.0 + STICKY_TIMEOUT_S) == [FIRST]
    assert watch.take_due(20.0) == [SECOND]
    assert len(watch) == 0


def test_what_is_put_back_is_still_due() -> None:
    watch = StickyWatch()
    watch.published([FIRST, SECOND], 0.0)
    watch.put_back(watch.take_due(6.0), 6.0)
    assert sorted(watch.take_due(6.0)) == [FIRST, SECOND]
