"""Soft time limits: raised in the thread, once, and not after the end."""

from __future__ import annotations

import time

import pytest

from perdure.compat.celery.exceptions import SoftTimeLimitExceeded
from perdure.compat.celery.soft_limit import soft_limit


def dawdle(limit_s: float) -> None:
    with soft_limit(limit_s):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            pass


def test_what_takes_too_long_is_told() -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        dawdle(0.01)


def test_what_ends_in_time_is_left_alone() -> None:
    with soft_limit(3_600):
        pass
    with soft_limit(None):
        pass
