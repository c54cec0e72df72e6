"""Rules about what clients asked for: starts, signals, cancellations, terminations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from perdure.protocol.events import (
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionTerminated,
)
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
)
from perdure.protocol.replies import Started
from perdure.protocol.requests import (
    IdConflictPolicy,
    RequestCancelWorkflow,
    ResetWorkflow,
    TerminateWorkflow,
)
from tests.simulation.auditor.evidence import PARENT_IDENTITY, Evidence, Run
from tests.simulation.ledger import Ask
from tests.simulation.rules import Finding, Rule

ENGINE_IDENTITY = "engine"
"""Who ends a run whose history is too long."""

SCHEDULE = "schedule"
"""Who ends what another action takes the place of; request ids of schedules begin so, too."""

_NOBODY = (ENGINE_IDENTITY, PARENT_IDENTITY, SCHEDULE)

_AS_ASKED = ("workflow_type", "task_queue", "input", "workflow_id", "request_id", "memo", "run_timeout_ms")


def check_starts(evidence: Evidence) -> Iterator[Finding]:
    for ask in evidence.starts():
        for started in ask.bodies(Started):
            run = evidence.runs.get(started.run_id)
            name = f"the start {ask.request.request_id} of {ask.request.workflow_id}"
            if run is None:
                yield Finding(Rule.START_KEPT, f"{name} was acknowledged with {started}, which does not exist")
            elif run.row.workflow_id != ask.request.workflow_id:
                yield Finding(Rule.START_KEPT, f"{name} was acknowledged with a run of {run}")
            elif started.created:
                differs = [word for word in _AS_ASKED if getattr(run.started, word) != getattr(ask.request, word)]
                if differs:
                    yield Finding(Rule.START_KEPT, f"{name} began a run with other words: {differs}")


def check_start_identity(evidence: Evidence) -> Iterator[Finding]:
    """One request, one run."""
    asked: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for ask in evidence.starts():
        request = ask.request
        key = (request.namespace, request.workflow_id, request.request_id)
        asked[key].update(started.run_id for started in ask.bodies(Started) if started.created)
    for run in evidence.runs.values():
        if run.started.request_id.startswith(SCHEDULE):
            continue  # a rule of its own (`schedules`)
        if run.started.parent is not None or run.started.continued_execution_run_id or run.base_run_id:
            continue  # began by another run, or in its place: rules of their own (`family`, `chain`, `resets`)
        key = (*run.key, run.started.request_id)
        if key not in asked:
            yield Finding(Rule.RUNS_APART, f"{run} was never asked for")
        asked[key].add(run.row.run_id)
    for key, run_ids in asked.items():
        if len(run_ids) > 1:
            yield Finding(Rule.START_KEPT, f"the start {key} made, or was answered with, {sorted(run_ids)}")


def check_runs_apart(evidence: Evidence) -> Iterator[Finding]:
    for key in dict.fromkeys(run.key for run in evidence.runs.values()):
        for before, after in pairwise(evidence.of_workflow(key)):
            if not before.row.close_time_us or before.row.close_time_us > after.begun_us:
                yield Finding(Rule.RUNS_APART, f"{after} began before {before} was closed")


def check_signals(evidence: Evidence) -> Iterator[Finding]:
    recorded: dict[tuple[str, str, str], list[WorkflowExecutionSignaled]] = defaultdict(list)
    for run in evidence.runs.values():
        for _, signal in run.of(WorkflowExecutionSignaled):
            recorded[*run.key, signal.request_id].append(signal)
        ids = [signal.request_id for _, signal in run.of(WorkflowExecutionSignaled)]
        if len(set(ids)) < len(ids):
            yield Finding(Rule.SIGNAL_ONCE, f"{run}: a signal stands twice in its history: {sorted(ids)}")
        for signal in run.waiting(WorkflowExecutionSignaled):
            if not recorded[*run.key, signal.request_id]:
                recorded[*run.key, signal.request_id].append(signal)
    asked: dict[tuple[str, str, str], Ask] = {}
    for ask in evidence.signals():
        request = ask.request
        key = (request.namespace, request.workflow_id, request.request_id)
        asked[key] = ask
        if ask.acknowledged_s is not None and not recorded[key]:
            yield Finding(Rule.SIGNAL_KEPT, f"the acknowledged signal {key} stands in no history")
    sent_on: dict[tuple[str, str, str], Any] = {
        (initiated.namespace, initiated.workflow_id, f"{run.row.run_id}:{run.records[position].event_id}"): initiated
        for run in evidence.runs.values()
        for position, initiated in run.of(SignalExternalWorkflowExecutionInitiated)
    }
    reset = {run.key for run in evidence.runs.values() if run.base_run_id}  # what a run was sent, its fork has too
    for key, signals in recorded.items():
        if len(signals) > 1 and key[:2] not in reset:
            yield Finding(Rule.SIGNAL_ONCE, f"the signal {key} stands {len(signals)} times in history")
        for signal in signals:
            sent = asked[key].request if key in asked else sent_on.get(key)
            if sent is None or (sent.signal_name, sent.input) != (signal.signal_name, signal.input):
                yield Finding(Rule.UNASKED, f"the signal {signal} was sent as {sent}")


def check_cancellations(evidence: Evidence) -> Iterator[Finding]:
    recorded: dict[tuple[str, str], list[str]] = defaultdict(list)
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run in evidence.runs.values():
        waiting = run.waiting(WorkflowExecutionCancelRequested)
        for cancel in (*waiting, *(cancel for _, cancel in run.of(WorkflowExecutionCancelRequested))):
            recorded[run.key].append(cancel.request_id)
            if cancel.identity in (PARENT_IDENTITY, SCHEDULE):
                asked[run.key].append(cancel.request_id)
        for position, initiated in run.of(RequestCancelExternalWorkflowExecutionInitiated):
            request_id = f"{run.row.run_id}:{run.records[position].event_id}"
            asked[initiated.namespace, initiated.workflow_id].append(request_id)
    for ask in evidence.asks(RequestCancelWorkflow):
        key = (ask.request.namespace, ask.request.workflow_id)
        asked[key].append(ask.request.request_id)
        if ask.acknowledged_s is not None and not recorded[key]:
            yield Finding(Rule.CANCEL_KEPT, f"the acknowledged cancellation of {key} stands in no history")
    for key, request_ids in recorded.items():
        for request_id in request_ids:
            if request_id not in asked[key]:
                yield Finding(Rule.UNASKED, f"nobody asked for the cancellation {request_id} of {key}")


def check_terminations(evidence: Evidence) -> Iterator[Finding]:
    ended: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in evidence.runs.values():
        if run.closing is not None and isinstance(run.closing.attributes, WorkflowExecutionTerminated):
            ended[run.key].append(run)
    asked: dict[tuple[str, str], int] = defaultdict(int)
    for ask in evidence.asks(TerminateWorkflow):
        key = (ask.request.namespace, ask.request.workflow_id)
        asked[key] += 1
        if ask.acknowledged_s is not None and not ended[key]:
            yield Finding(Rule.TERMINATE_KEPT, f"the acknowledged termination of {key} ended no run")
    for ask in evidence.asks(ResetWorkflow):
        asked[ask.request.namespace, ask.request.workflow_id] += 1
    for ask in evidence.starts():
        if ask.request.id_conflict_policy == IdConflictPolicy.TERMINATE_EXISTING:
            asked[ask.request.namespace, ask.request.workflow_id] += 1
    for key, runs in ended.items():
        by_hand = [run for run in runs if run.closing and run.closing.attributes.identity not in _NOBODY]
        if len(by_hand) > asked[key]:
            yield Finding(Rule.UNASKED, f"{by_hand} were terminated, which was asked for {asked[key]} times")


CHECKS = [
    check_starts,
    check_start_identity,
    check_runs_apart,
    check_signals,
    check_cancellations,
    check_terminations,
]
