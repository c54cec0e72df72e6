"""Rules about chains of runs: which run leads on to which, and what it hands over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from perdure.protocol.codec import DecodeError
from perdure.protocol.events import WorkflowExecutionContinuedAsNew, WorkflowExecutionTerminated
from perdure.protocol.ids import run_id_after
from tests.simulation.auditor.content import whole_events
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.rules import Finding, Rule


def check_successors(evidence: Evidence) -> Iterator[Finding]:
    """A run whose history names the run that follows is followed by it, at once."""
    for run in evidence.runs.values():
        following_id = _following_id(run)
        if not following_id:
            continue
        following = evidence.runs.get(following_id)
        if following is None or following_id != run_id_after(run.row.run_id):
            yield Finding(Rule.CHAIN, f"{run} leads on to {following_id}, which is {following}")
            continue
        if (following.key, following.first_run_id) != (run.key, run.first_run_id):
            yield Finding(Rule.CHAIN, f"{run} leads on to {following}, which is of another chain")
        if following.row.start_time_us != run.row.close_time_us:
            yield Finding(Rule.CHAIN, f"{run} closed at {run.row.close_time_us}, and {following.row} follows")
        if not _is_handed_over(evidence, run, following):
            yield Finding(Rule.CHAIN, f"{following} was not given what {run} had for it")


def _following_id(run: Run) -> str:
    """A run that was ended for one in its place leads on to nothing: a rule of its own (`resets`)."""
    if run.closing is None or isinstance(run.closing.attributes, WorkflowExecutionTerminated):
        return ""
    return str(getattr(run.closing.attributes, "new_execution_run_id", ""))


def _is_handed_over(evidence: Evidence, run: Run, following: Run) -> bool:
    try:
        events, first = whole_events(evidence, run), whole_events(evidence, following)[0]
    except DecodeError:
        return True  # a rule of its own (`content`)
    closing, began = events[-1].attributes, first.attributes
    words = closing if isinstance(closing, WorkflowExecutionContinuedAsNew) else events[0].attributes
    return (words.workflow_type, words.task_queue, words.input) == (began.workflow_type, began.task_queue, began.input)


def check_predecessors(evidence: Evidence) -> Iterator[Finding]:
    """A run that follows another was led to by it, and no other one follows that."""
    followers: dict[str, list[Run]] = defaultdict(list)
    for run in evidence.runs.values():
        before_id = run.started.continued_execution_run_id
        if before_id and not run.started.original_execution_run_id:
            followers[before_id].append(run)
    for before_id, runs in followers.items():
        before = evidence.runs.get(before_id)
        if len(runs) > 1:
            yield Finding(Rule.CHAIN, f"{runs} all follow {before}")
        if before is None or _following_id(before) != runs[0].row.run_id:
            yield Finding(Rule.CHAIN, f"{runs[0]} follows {before_id}, of which the history does not say so")


CHECKS = [check_successors, check_predecessors]
