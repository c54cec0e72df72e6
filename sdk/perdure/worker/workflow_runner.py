"""Runners of workflows: names that programs written for `temporalio` choose between. Here they choose nothing.

A workflow always runs in the module that defines it, which is imported once. What a sandbox is for is done without one:
`perdure.execution.stand_ins` and `perdure.execution.io_guard`.
"""

from __future__ import annotations


class WorkflowRunner:
    """Accepted by `Worker` and `Replayer`; whichever is given, workflows run alike."""


class UnsandboxedWorkflowRunner(WorkflowRunner):
    """How every workflow runs."""


def check_runners(*runners: object) -> None:
    """Raises:
    TypeError: something else was given than a runner.
    """
    for runner in runners:
        if not isinstance(runner, WorkflowRunner):
            raise TypeError(
                f"{runner!r} is no workflow runner; there is nothing to choose here, so leave it out, or give "
                "UnsandboxedWorkflowRunner() or SandboxedWorkflowRunner()"
            )
