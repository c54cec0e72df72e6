"""Rules about what only a workflow's model can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perdure.protocol.codec import DecodeError
from perdure.protocol.events import WorkflowExecutionCancelRequested
from perdure.protocol.requests import RequestCancelWorkflow, TerminateWorkflow
from perdure.protocol.updates import WorkflowExecutionUpdateAccepted
from tests.simulation.auditor.content import whole_events
from tests.simulation.auditor.evidence import PARENT_IDENTITY, Evidence, Run
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
    cancels, terminations = [
        [ask.request for ask in evidence.asks(kind) if (ask.request.namespace, ask.request.workflow_id) == run.key]
        for kind in (RequestCancelWorkflow, TerminateWorkflow)
    ]
    signals: list[Any] = [
        ask.request for ask in evidence.signals() if (ask.request.namespace, ask.request.workflow_id) == run.key
    ]
    try:
        events = whole_events(evidence, run)
    except DecodeError:
        return None  # a rule of its own (`content`)
    signals += evidence.sent_signals[run.key]
    cancels += [*evidence.sent_cancels[run.key], *_from_parent(run)]
    return Story(
        run.row.workflow_id,
        run.row.run_id,
        events[0].attributes,
        events,
        events[-1],
        signals,
        cancels,
        terminations,
        [accepted for _, accepted in run.of(WorkflowExecutionUpdateAccepted)],
        len(evidence.of_workflow(run.key)) > 1,
        frozenset(ask.request.workflow_id for ask in evidence.asks(TerminateWorkflow)),
    )


def _from_parent(run: Run) -> list[Any]:
    """The requests to cancel that came from the parent close policy, which is a rule of its own (`family`)."""
    return [cancel for _, cancel in run.of(WorkflowExecutionCancelRequested) if cancel.identity == PARENT_IDENTITY]


CHECKS = [check_models]
