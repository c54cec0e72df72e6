"""Retries: when, how often, and which exceptions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.compat.celery import Celery
from perdure.compat.celery.exceptions import ImproperlyConfigured, MaxRetriesExceededError, Retry
from perdure.compat.celery.retrying import backoff_s

app = Celery("retrying", set_as_current=False)


@app.task(bind=True, max_retries=2)
def stubborn(self: Any, *args: Any, **how: Any) -> Any:
    raise self.retry(**how) if how.pop("plain", True) else self.retry(exc=KeyError("k"))


def test_backoff() -> None:
    assert [backoff_s(2, retries, 60, is_jittered=False) for retries in range(6)] == [2, 4, 8, 16, 32, 60]
    assert backoff_s(1, 10_000, 600, is_jittered=False) == 600
    assert {backoff_s(1, 2, 600, is_jittered=True) for _ in range(1_000)} == {0, 1, 2, 3, 4}


def test_it_is_tried_as_often_as_it_may_be() -> None:
    ended = stubborn.apply()
    assert (ended.state, type(ended.result)) == ("FAILURE", MaxRetriesExceededError)
    assert "Can't retry" in str(ended.result)
    with pytest.raises(KeyError):
        stubborn.apply(kwargs={"plain": False}).get()


def test_when_is_a_number_or_a_moment() -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="retrying.when", default_retry_delay=7, max_retries=9)
    def when(self: Any) -> None:
        at = datetime(2026, 1, 1)
        for how in ({}, {"countdown": 3}, {"eta": at}, {"countdown": 0}):
            seen.append(self.retry(throw=False, **how).when)
        self.request.retry_asked = None

    when.apply()
    assert seen == [7, 3, datetime(2026, 1, 1, tzinfo=UTC), 0]


def test_other_arguments_for_the_next_attempt() -> None:
    @app.task(bind=True, name="retrying.halve")
    def halve(self: Any, number: int, *, unit: str = "") -> str:
        if number > 1:
            raise self.retry(args=(number // 2,), kwargs={"unit": "m"})
        return f"{number}{unit}"

    assert halve.apply((8,)).get() == "1m"


def test_what_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="on the same queue"):
        stubborn.apply(kwargs={"queue": "other"}).get()
    with pytest.raises(Retry, match="Task can be retried"):
        stubborn()
    with pytest.raises(KeyError):
        stubborn(plain=False)


def test_autoretry() -> None:
    tried: list[int] = []

    @app.task(
        bind=True,
        name="retrying.auto",
        autoretry_for=(LookupError,),
        dont_autoretry_for=(IndexError,),
        retry_kwargs={"max_retries": 2},
        retry_backoff=True,
    )
    def auto(self: Any, kind: Any) -> int:
        tried.append(self.request.retries)
        if kind is not None and self.request.retries < 5:
            raise kind
        return 1

    assert auto.apply((None,)).get() == 1
    with pytest.raises(KeyError):
        auto.apply((KeyError("k"),)).get()
    with pytest.raises(IndexError):
        auto.apply((IndexError(),)).get()
    with pytest.raises(OSError, match="o"):
        auto.apply((OSError("o"),)).get()
    assert tried == [0, 0, 1, 2, 0, 0]
