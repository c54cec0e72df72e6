"""Ids of tasks."""

from __future__ import annotations

from uuid import UUID

from perdure.compat.celery.utils import uuid


def test_each_is_new() -> None:
    assert uuid() != uuid()
    assert str(UUID(uuid())).count("-") == 4
