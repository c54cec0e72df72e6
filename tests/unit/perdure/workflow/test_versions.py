"""The calls; what they mean is in `tests/unit/perdure/execution/test_versions.py`."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.workflow import NotInWorkflowError


def test_outside_of_a_workflow_there_are_no_versions() -> None:
    for call in (
        lambda: workflow.patched("x"),
        lambda: workflow.deprecate_patch("x"),
        lambda: workflow.get_version("x", 1, 1),
    ):
        with pytest.raises(NotInWorkflowError):
            call()


def test_the_default_version_is_gos() -> None:
    assert workflow.DEFAULT_VERSION == -1
