"""Results of groups, over results that have ended."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from perdure.compat.celery import Celery, GroupResult, group, states
from perdure.compat.celery.cluster import Cluster
from perdure.compat.celery.exceptions import ImproperlyConfigured, TimeoutError
from perdure.compat.celery.result import EagerResult
from tests.unit.perdure.compat.celery.stage import at_work, off


@pytest.fixture
def good() -> GroupResult:
    Celery("t")
    return GroupResult("g", [EagerResult(str(number), number, states.SUCCESS) for number in range(3)])


def test_results_in_order(good: GroupResult) -> None:
    seen: list[str] = []
    assert good.get(callback=lambda id, _value: seen.append(id)) == good.join() == [0, 1, 2]
    assert seen == ["0", "1", "2"]
    assert (len(good), good[1].get(), [each.id for each in good], good.children) == (
        3,
        1,
        ["0", "1", "2"],
        good.results,
    )
    assert list(good.iterate()) == [0, 1, 2]
    assert (good.ready(), good.successful(), good.failed(), good.waiting()) == (True, True, False, False)
    assert good.completed_count() == 3
    good.maybe_throw()
    good.forget()
    good.revoke()
    assert repr(good) == "<GroupResult: g [0, 1, 2]>"
    assert str(good) == "g"
    again = pickle.loads(pickle.dumps(good))
    assert (again, hash(again)) == (good, hash(good))


def test_what_failed(good: GroupResult) -> None:
    good.add(EagerResult("3", ValueError("no"), states.FAILURE))
    good.add(good[0])
    assert (len(good), good.failed(), good.completed_count()) == (4, True, 3)
    with pytest.raises(ValueError, match="no"):
        good.get()
    with pytest.raises(ValueError, match="no"):
        good.maybe_throw()
    assert repr(good.get(propagate=False)[3]) == "ValueError('no')"


def test_what_does_not_end(good: GroupResult) -> None:
    good.add(EagerResult("3", None, states.PENDING))
    assert good.waiting()
    with pytest.raises(TimeoutError):
        list(good.iterate(timeout=0, interval=0.001))


async def test_they_are_asked_for_together() -> None:
    app = Celery("t")
    go = threading.Event()

    @app.task(name="t.double")
    def double(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return 2 * number

    @app.task(name="t.slow")
    def slow() -> None:
        go.wait(60)

    def plain() -> None:
        result = group(group(double.s(1), double.s(2)), double.s(4) | double.s())()
        assert result.get(timeout=60) == [2, 4, 16]
        asked = len(app.cluster.asked)
        again = GroupResult("g", [app.AsyncResult(each.id) for each in result])
        assert (again.successful(), len(app.cluster.asked) - asked) == (True, 1)
        assert again.get() == [2, 4, 16]
        assert len(app.cluster.asked) - asked == 1, "what is known is not asked for again"
        broken = group(slow.s(), double.s(3))()
        with pytest.raises(ValueError, match="three"):
            broken.get(timeout=60)
        assert (broken.ready(), broken.failed()) == (False, True)
        with pytest.raises(TimeoutError):
            broken.get(timeout=0.05, propagate=False)
        go.set()
        assert [repr(value) for value in broken.get(timeout=60, propagate=False)] == ["None", "ValueError('three')"]

    async with at_work(app):
        app.cluster = Counting(app.cluster)
        await off(plain)


class Counting:
    """Counts what a cluster is asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.asked: list[Any] = []

    def wait(self, work: Any, timeout_s: float | None = None) -> Any:
        self.asked.append(work)
        return self._cluster.wait(work, timeout_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_groups_are_not_kept(good: GroupResult) -> None:
    for refused in (good.save, good.delete, lambda: GroupResult.restore("g")):
        with pytest.raises(ImproperlyConfigured, match="keep the ids of its members"):
            refused()
