"""Exceptions: what programs catch, and what they say."""

from __future__ import annotations

import builtins
import pickle
from datetime import UTC, datetime

from perdure.compat.celery.exceptions import (
    ImproperlyConfigured,
    MaxRetriesExceededError,
    NotRegistered,
    OperationalError,
    Reject,
    Retry,
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
    TimeoutError,
)
from perdure.exceptions import RequestError
from perdure.service import RPCError


def test_what_they_say() -> None:
    assert str(Retry(exc=KeyError("k"), when=3)) == "Retry in 3s: KeyError('k')"
    assert str(Retry("later")) == "later"
    assert Retry(when=datetime(2026, 1, 1, tzinfo=UTC)).humanize() == "at 2026-01-01 00:00:00+00:00"
    assert str(Reject("no", requeue=True)) == "reject requeue=True: no"
    assert "include=" in str(NotRegistered("shop.add"))
    assert str(SoftTimeLimitExceeded()) == "SoftTimeLimitExceeded()"
    assert str(TimeLimitExceeded(3)) == "TimeLimitExceeded(3,)"


def test_they_are_what_programs_catch() -> None:
    assert issubclass(TimeoutError, builtins.TimeoutError)
    assert issubclass(ImproperlyConfigured, RequestError)
    assert issubclass(NotRegistered, KeyError)
    assert OperationalError is RPCError
    error = MaxRetriesExceededError("enough", task_args=(1,), task_kwargs={"a": 2})
    assert (error.task_args, error.task_kwargs) == ((1,), {"a": 2})
    assert pickle.loads(pickle.dumps(Retry("m", None, 3))).when == 3
