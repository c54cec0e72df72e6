"""Errors of workflow code: what they do to a task."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.exceptions import FailureError, WorkflowTaskError


@pytest.mark.parametrize(
    "kind", [workflow.NondeterminismError, workflow.ReadOnlyContextError, workflow.WorkflowIOError]
)
def test_they_fail_the_task_never_the_workflow(kind: type[Exception]) -> None:
    assert issubclass(kind, WorkflowTaskError)
    assert not issubclass(kind, FailureError)
