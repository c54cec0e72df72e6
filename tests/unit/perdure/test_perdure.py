"""What the package itself has."""

from __future__ import annotations

import pytest

import perdure


def test_a_task_is_had_from_the_package() -> None:
    from perdure.tasks import task

    assert perdure.task is task


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'tusk'"):
        perdure.__getattr__("tusk")
