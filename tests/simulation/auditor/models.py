"""Rules about what only a workflow's model can tell."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.protocol.codec import DecodeError
from perdure.protocol.requests import RequestCancelWorkflow, SignalWorkflow, TerminateWorkflow
from tests.simulation.auditor.content import whole_events
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.model import Story
from tests.simulation.rules import Finding, Rule


def check_models(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        model = evidence.models.get(run.started.workflow_type)
        story = _story(evidence, run)
        if model is None or story is None:
            continue
        for rule, ask in ((Rule.OUTCOME_ALLOWED, model.outcome_problem), (Rule.REPLAY, model.replay_problem)):
            try:
                problem = ask(story)
            except Exception as error:  # a history that no model can read is a finding, not the end of the audit
                problem = f"{type(error).__name__}: {error}"
            if problem is not None:
                yield Finding(rule, f"{run}: {problem}")


def _story(evidence: Evidence, run: Run) -> Story | None:
    if run.closing is None:
        return None
    signals, cancels, terminations = [
        [ask.request for ask in evidence.asks(kind) if (ask.request.namespace, ask.request.workflow_id) == run.key]
        for kind in (SignalWorkflow, RequestCancelWorkflow, TerminateWorkflow)
    ]
    try:
        events = whole_events(evidence, run)
    except DecodeError:
        return None  # a rule of its own (`content`)
    started, closing = events[0].attributes, events[-1]
    return Story(run.row.workflow_id, run.row.run_id, started, events, closing, signals, cancels, terminations)


CHECKS = [check_models]
