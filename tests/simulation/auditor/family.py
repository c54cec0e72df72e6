"""Rules about runs that know of one another: parents and children, and what workflows send to other workflows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from perdure.protocol import child_workflow as wire
from perdure.protocol.child_workflow import (
    ChildWorkflowExecutionStarted,
    ParentClosePolicy,
    StartChildWorkflowExecutionFailed,
    StartChildWorkflowExecutionInitiated,
)
from perdure.protocol.codec import DecodeError
from perdure.protocol.events import (
    HistoryEvent,
    WorkflowExecutionCanceled,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionSignaled,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from perdure.protocol.external_workflow import (
    ExternalWorkflowExecutionSignaled,
    SignalExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionInitiated,
)
from perdure.protocol.ids import run_id_for_child
from tests.simulation.auditor.content import whole_events
from tests.simulation.auditor.evidence import PARENT_IDENTITY, Evidence, Run
from tests.simulation.rules import Finding, Rule

_TOLD: dict[type[Any], tuple[type[Any], str]] = {
    WorkflowExecutionCompleted: (wire.ChildWorkflowExecutionCompleted, "result"),
    WorkflowExecutionFailed: (wire.ChildWorkflowExecutionFailed, "failure"),
    WorkflowExecutionCanceled: (wire.ChildWorkflowExecutionCanceled, "details"),
    WorkflowExecutionTimedOut: (wire.ChildWorkflowExecutionTimedOut, ""),
    WorkflowExecutionTerminated: (wire.ChildWorkflowExecutionTerminated, ""),
}
"""How a child ended, to what its parent's history says of that, and what both have in common."""

_OUTCOMES: tuple[type[Any], ...] = tuple(told for told, _ in _TOLD.values())


_ANSWERS: tuple[type[Any], ...] = (ExternalWorkflowExecutionSignaled, SignalExternalWorkflowExecutionFailed)


class _Asked:
    """A child that a run asked for, and what its history says came of it."""

    def __init__(self, run: Run, event_id: int, initiated: StartChildWorkflowExecutionInitiated) -> None:
        self.run = run
        self.event_id = event_id
        self.initiated = initiated
        self.run_id = run_id_for_child(run.row.run_id, event_id)
        self.started = self._of(ChildWorkflowExecutionStarted)
        self.failed = self._of(StartChildWorkflowExecutionFailed)
        self.outcomes = [outcome for kind in _OUTCOMES for outcome in self._of(kind)]

    def __str__(self) -> str:
        return f"{self.run}: child {self.initiated.workflow_id} of event {self.event_id}"

    def _of(self, kind: type[Any]) -> list[Any]:
        return [said for _, said in self.run.of(kind) if said.initiated_event_id == self.event_id]


def _children(evidence: Evidence) -> Iterator[_Asked]:
    for run in evidence.runs.values():
        for position, initiated in run.of(StartChildWorkflowExecutionInitiated):
            yield _Asked(run, run.records[position].event_id, initiated)


def check_started(evidence: Evidence) -> Iterator[Finding]:
    """What a parent's history says of the start of a child is what became of it."""
    for asked in _children(evidence):
        child = evidence.runs.get(asked.run_id)
        if len(asked.started) + len(asked.failed) > 1:
            yield Finding(Rule.CHILD_ONCE, f"{asked} was answered with {[*asked.started, *asked.failed]}")
        if asked.failed and child is not None:
            yield Finding(Rule.CHILD_ONCE, f"{asked}: there is {child}, and its parent knows that it was not started")
        if asked.started and (child is None or asked.started[0].run_id != asked.run_id):
            yield Finding(Rule.CHILD_ONCE, f"{asked}: its parent knows of {asked.started[0]}, and there is {child}")
        if child is not None and not _is_as_asked(evidence, asked, child):
            yield Finding(Rule.CHILD_ONCE, f"{asked} began with other words: {child.started}")


def _is_as_asked(evidence: Evidence, asked: _Asked, child: Run) -> bool:
    started, initiated = child.started, asked.initiated
    try:
        whole = whole_events(evidence, asked.run)[asked.run.events.index(_event_of(asked.run, initiated))]
        wanted = whole.attributes.input
        given = whole_events(evidence, child)[0].attributes.input
    except DecodeError:
        return True  # a rule of its own (`content`)
    return (child.row.workflow_id, started.workflow_type, started.task_queue, started.run_timeout_ms, given) == (
        initiated.workflow_id,
        initiated.workflow_type,
        initiated.task_queue,
        initiated.run_timeout_ms,
        wanted,
    )


def check_parents(evidence: Evidence) -> Iterator[Finding]:
    """A run that has a parent is the child that an event of this asked for."""
    for run in evidence.runs.values():
        link = run.started.parent
        if link is None:
            continue
        parent = evidence.runs.get(link.run_id)
        asked = None if parent is None else parent.event(link.initiated_event_id)
        is_child = run.first_run_id == run_id_for_child(link.run_id, link.initiated_event_id)
        if not isinstance(asked, StartChildWorkflowExecutionInitiated) or not is_child:
            yield Finding(Rule.CHILD_ONCE, f"{run} names event {link.initiated_event_id} of {parent}, which is {asked}")


def check_told(evidence: Evidence) -> Iterator[Finding]:
    """How a child ended reaches its parent once, and is true."""
    for asked in _children(evidence):
        last = evidence.last_run(asked.run_id)
        closing = None if last is None or last.closing is None else last.closing.attributes
        if len(asked.outcomes) > 1:
            yield Finding(Rule.CHILD_TOLD, f"{asked} ended {len(asked.outcomes)} times: {asked.outcomes}")
        elif asked.outcomes:
            kind, word = _TOLD.get(type(closing), (None, ""))
            (told,) = asked.outcomes
            if type(told) is not kind or (word and not _is_same(evidence, asked, told, last, word)):
                yield Finding(Rule.CHILD_TOLD, f"{asked}: its parent knows of {told}, and it ended by {closing}")
        elif closing is not None and asked.run.closing is None:
            yield Finding(Rule.CHILD_TOLD, f"{asked} ended by {closing}, and its parent waits")


def _is_same(evidence: Evidence, asked: _Asked, told: Any, last: Run | None, word: str) -> bool:
    """Whether the parent was given the child's own result or failure."""
    assert last is not None
    try:
        known = whole_events(evidence, asked.run)[asked.run.events.index(_event_of(asked.run, told))].attributes
        closing = whole_events(evidence, last)[-1].attributes
    except DecodeError:
        return True  # a rule of its own (`content`)
    return bool(getattr(known, word) == getattr(closing, word))


def _event_of(run: Run, attributes: Any) -> HistoryEvent:
    return next(event for event in run.events if event.attributes is attributes)


def check_close_policies(evidence: Evidence) -> Iterator[Finding]:
    """What a parent's end means for a child is what its parent close policy says."""
    for asked in _children(evidence):
        last = evidence.last_run(asked.run_id)
        if last is None:
            continue
        policy, is_closed = asked.initiated.parent_close_policy, asked.run.closing is not None
        if is_closed and last.closing is None and policy != ParentClosePolicy.ABANDON:
            yield Finding(Rule.PARENT_CLOSED, f"{asked} is open, and its parent is closed")
        closing = None if last.closing is None else last.closing.attributes
        is_ended = isinstance(closing, WorkflowExecutionTerminated) and closing.identity == PARENT_IDENTITY
        if is_ended and not (is_closed and policy == ParentClosePolicy.TERMINATE):
            yield Finding(Rule.PARENT_CLOSED, f"{asked} was terminated, against its policy {policy}")
        cancels = [cancel.identity for _, cancel in last.of(WorkflowExecutionCancelRequested)]
        if PARENT_IDENTITY in cancels and not (is_closed and policy == ParentClosePolicy.REQUEST_CANCEL):
            yield Finding(Rule.PARENT_CLOSED, f"{asked} was cancelled, against its policy {policy}")


def check_sent(evidence: Evidence) -> Iterator[Finding]:
    """A signal to another workflow arrives once, or its sender knows that it did not. What was sent before its target
    began may have been refused, and a second copy of it, that another engine took, have arrived after the start: a
    refusal is kept in memory alone, as for clients."""
    arrived: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for run in evidence.runs.values():
        for _, signal in run.of(WorkflowExecutionSignaled):
            base = evidence.runs.get(run.base_run_id)  # what that was sent, this one has from it
            if base is None or signal.request_id not in base.signal_ids:
                arrived[*run.key, signal.request_id].append(run.begun_us)
    for run in evidence.runs.values():
        told: dict[int, list[Any]] = defaultdict(list)
        for kind in _ANSWERS:
            for _, answer in run.of(kind):
                told[answer.initiated_event_id].append(answer)
        for position, initiated in run.of(SignalExternalWorkflowExecutionInitiated):
            event_id = run.records[position].event_id
            request_id = f"{run.row.run_id}:{event_id}"
            begun_us = arrived[initiated.namespace, initiated.workflow_id, request_id]
            sent_us = run.records[position].time_us
            if begun_us and begun_us[0] >= sent_us and len(begun_us) == 1:
                continue
            count = len(begun_us)
            name = f"{run}: the signal of event {event_id} to {initiated.workflow_id}"
            if any(count != isinstance(said, ExternalWorkflowExecutionSignaled) for said in told[event_id]):
                yield Finding(Rule.SENT_ONCE, f"{name} arrived {count} times, and its sender knows {told[event_id]}")
            if len(told[event_id]) > 1:
                yield Finding(Rule.SENT_ONCE, f"{name} was answered with {told[event_id]}")


CHECKS = [check_started, check_parents, check_told, check_close_policies, check_sent]
