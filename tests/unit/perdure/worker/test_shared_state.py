"""A manager is kept alive, and asked nothing."""

from __future__ import annotations

from typing import Any

from perdure.worker import SharedStateManager


def test_it_takes_what_the_other_takes() -> None:
    manager: Any = object()
    assert isinstance(SharedStateManager.create_from_multiprocessing(manager), SharedStateManager)
