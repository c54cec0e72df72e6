"""Runners choose nothing, and what is none is told so."""

from __future__ import annotations

import pytest

from perdure.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from perdure.worker.workflow_runner import check_runners


def test_runners_are_accepted_and_nothing_else() -> None:
    class Own(WorkflowRunner):
        pass

    check_runners(UnsandboxedWorkflowRunner(), Own())
    with pytest.raises(TypeError, match="'sandbox' is no workflow runner; there is nothing to choose"):
        check_runners(UnsandboxedWorkflowRunner(), "sandbox")
