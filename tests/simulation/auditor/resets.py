"""Rules about resets: which run was begun in the place of which, and what it has of it."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.events import WorkflowExecutionTerminated
from perdure.protocol.ids import run_id_for_reset
from perdure.protocol.replies import Started
from perdure.protocol.requests import ResetWorkflow
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.rules import Finding, Rule


def check_acknowledged(evidence: Evidence) -> Iterator[Finding]:
    """Whoever was told of a run that begins in the place of another one finds it, and all signals in it."""
    for ask in evidence.asks(ResetWorkflow):
        request = ask.request
        for started in ask.bodies(Started):
            base, fork = evidence.runs.get(request.run_id), evidence.runs.get(started.run_id)
            expected = run_id_for_reset(request.run_id, request.request_id)
            if base is None or fork is None or started.run_id != expected or fork.base_run_id != base.row.run_id:
                yield Finding(Rule.RESET_KEPT, f"the reset of {base} was answered with {started}, which is {fork}")
                continue
            missing = base.signal_ids - fork.signal_ids
            if missing:
                yield Finding(Rule.RESET_KEPT, f"{fork} begins in the place of {base}, and lacks its signals {missing}")


def check_asked(evidence: Evidence) -> Iterator[Finding]:
    """A run begins in the place of another one if somebody asked for that."""
    asked = {run_id_for_reset(ask.request.run_id, ask.request.request_id) for ask in evidence.asks(ResetWorkflow)}
    for run in evidence.runs.values():
        if run.base_run_id and run.row.run_id not in asked:
            yield Finding(Rule.RUNS_APART, f"{run} begins in the place of {run.base_run_id}, and nobody asked for it")
        last = run.closing.attributes if run.closing is not None else None
        if not isinstance(last, WorkflowExecutionTerminated) or not last.new_execution_run_id:
            continue
        fork = evidence.runs.get(last.new_execution_run_id)
        if fork is None or fork.base_run_id != run.row.run_id:
            yield Finding(Rule.RESET_KEPT, f"{run} was ended for {last.new_execution_run_id}, which is {fork}")


CHECKS = [check_acknowledged, check_asked]
