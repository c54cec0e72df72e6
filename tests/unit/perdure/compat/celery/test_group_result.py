"""Results of groups, over results that have ended."""

from __future__ import annotations

import pickle

import pytest

from perdure.compat.celery import Celery, GroupResult, states
from perdure.compat.celery.exceptions import ImproperlyConfigured, TimeoutError
from perdure.compat.celery.result import EagerResult


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


def test_groups_are_not_kept(good: GroupResult) -> None:
    for refused in (good.save, good.delete, lambda: GroupResult.restore("g")):
        with pytest.raises(ImproperlyConfigured, match="keep the ids of its members"):
            refused()
