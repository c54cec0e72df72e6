"""Rules about what only a workflow's model can tell."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.requests import RequestCancelWorkflow, SignalWorkflow, TerminateWorkflow
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.model import Story
from tests.simulation.rules import Finding, Rule


def check_models(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        model = evidence.models.get(run.started.workflow_type)
        story = _story(evidence, run)
        if model is None or story is None:
            continue
        problem = model.outcome_problem(story)
        if problem is not None:
            yield Finding(Rule.OUTCOME_ALLOWED, f"{run}: {problem}")
        problem = model.replay_problem(story)
        if problem is not None:
            yield Finding(Rule.REPLAY, f"{run}: {problem}")


def _story(evidence: Evidence, run: Run) -> Story | None:
    if run.closing is None:
        return None
    signals, cancels, terminations = [
        [ask.request for ask in evidence.asks(kind) if (ask.request.namespace, ask.request.workflow_id) == run.key]
        for kind in (SignalWorkflow, RequestCancelWorkflow, TerminateWorkflow)
    ]
    return Story(
        run.row.workflow_id, run.row.run_id, run.started, run.events, run.closing, signals, cancels, terminations
    )


CHECKS = [check_models]
