"""Rules about starts of activities without a workflow, their ids, and what else clients ask of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from perdure.protocol.activity_executions import (
    ActivityOptions,
    RequestCancelActivity,
    StartActivity,
    TerminateActivity,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, Started
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.auditor.task_evidence import TaskExecution
from tests.simulation.ledger import Ask
from tests.simulation.rules import Finding, Rule


def check_starts(evidence: Evidence) -> Iterator[Finding]:
    """Each acknowledged start has its execution, and one alone."""
    tasks = evidence.tasks
    for ask in evidence.asks(StartActivity):
        name = f"the start {ask.request.request_id} of {ask.request.activity_id}"
        began = tasks.of_request(ask)
        if len(began) > 1:
            yield Finding(Rule.TASK_STARTED, f"{name} began {[str(each) for each in began]}")
        for started in ask.bodies(Started):
            execution = tasks.by_run_id.get(started.run_id)
            if execution is None or execution.activity_id != ask.request.activity_id:
                yield Finding(Rule.TASK_STARTED, f"{name} was acknowledged with {started}, which does not exist")
            elif started.created != (execution in began):
                yield Finding(Rule.TASK_STARTED, f"{name} was acknowledged with {started}; it began {list(began)}")
        for execution in began:
            differs = list(_differences(ask, execution))
            if differs:
                yield Finding(Rule.TASK_STARTED, f"{name} began an execution with other words: {differs}")


def _differences(ask: Ask, execution: TaskExecution) -> Iterator[str]:
    request, end = ask.request, execution.end
    if end is None:
        return
    attributes = end.attributes
    if (attributes.activity_type, attributes.task_queue) != (request.activity_type, request.task_queue):
        yield f"{attributes.activity_type} on {attributes.task_queue}"
    if _lasting(end.options) != _lasting(request.options):
        yield f"{end.options}"
    if attributes.input not in (b"", request.input):
        yield "its input"


def _lasting(options: ActivityOptions) -> ActivityOptions:
    """Without the policies, which matter to the start alone, and need not be kept."""
    return options._replace(id_reuse_policy=1, id_conflict_policy=1)


def check_ids(evidence: Evidence) -> Iterator[Finding]:
    """What was begun was asked for; under one id, one after another, as the policies of its start say."""
    tasks = evidence.tasks
    for activity_id in tasks.ids():
        executions = tasks.of_id(activity_id)
        for execution in executions:
            if execution.ask is None and not execution.is_scheduled:
                yield Finding(Rule.TASKS_APART, f"{execution} was never asked for")
        for before, after in pairwise(executions):
            closed_us = before.row.close_time_us if before.row is not None else 0
            if not closed_us or closed_us > after.scheduled_us:
                yield Finding(Rule.TASKS_APART, f"{after} began before {before} was closed")
            problem = _reuse_problem(before, after)
            if problem is not None:
                yield Finding(Rule.TASKS_APART, f"{after} follows {before}, {problem}")


def _reuse_problem(before: TaskExecution, after: TaskExecution) -> str | None:
    if after.ask is None or before.row is None:
        return None
    options = after.ask.request.options
    if options.id_reuse_policy == IdReusePolicy.REJECT_DUPLICATE:
        return "though its id was to be used once"
    is_failed_only = options.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    if is_failed_only and before.row.status == ExecutionStatus.COMPLETED:
        return "which completed, though only a failure was to make room"
    return None


def check_refused(evidence: Evidence) -> Iterator[Finding]:
    """A start that was refused began nothing, and there was a reason."""
    tasks = evidence.tasks
    for ask in evidence.asks(StartActivity):
        request = ask.request
        if not ask.is_refused:
            if request.options.id_conflict_policy == IdConflictPolicy.FAIL and any(
                not started.created for started in ask.bodies(Started)
            ):
                yield Finding(Rule.TASKS_APART, f"{request} was answered with an execution of somebody else")
            continue
        if request.request_id and tasks.of_request(ask):
            yield Finding(Rule.REFUSED, f"{request} was refused, and began an execution")
        for error in ask.bodies(ErrorReply):
            if error.code == ErrorCode.ALREADY_STARTED and error.run_id not in tasks.by_run_id:
                yield Finding(
                    Rule.TASKS_APART, f"{request} was refused because of {error.run_id}, which does not exist"
                )


def check_ended(evidence: Evidence) -> Iterator[Finding]:
    """Acknowledged requests to end an execution did so, and no execution was ended without one."""
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, rule in ((RequestCancelActivity, Rule.CANCEL_KEPT), (TerminateActivity, Rule.TERMINATE_KEPT)):
        for ask in evidence.asks(kind):
            activity_id = ask.request.activity_id
            asked[kind.__name__, activity_id].add(ask.request.request_id)
            ends = [each.end for each in evidence.tasks.of_id(activity_id) if each.end is not None]
            if kind is TerminateActivity:
                is_kept = any(
                    end.ended_by == ask.request.request_id and end.status == ExecutionStatus.TERMINATED for end in ends
                )
            else:
                is_kept = any(end.cancel_reason for end in ends)
            if ask.acknowledged_s is not None and not is_kept:
                yield Finding(rule, f"the acknowledged {ask.request} changed no execution")
    for execution in evidence.tasks.executions.values():
        end = execution.end
        if end is None or execution.is_scheduled:
            continue
        if end.status == ExecutionStatus.TERMINATED and not asked["TerminateActivity", execution.activity_id]:
            yield Finding(Rule.UNASKED, f"{execution} was terminated, and nobody asked for that")
        if end.cancel_reason and not asked["RequestCancelActivity", execution.activity_id]:
            yield Finding(Rule.UNASKED, f"{execution} was cancelled, and nobody asked for that")


def check_listed(evidence: Evidence) -> Iterator[Finding]:
    """What is listed and counted in the end is what was committed."""
    listing = evidence.ledger.listing
    if listing is None:
        return
    there = {
        (each.activity_id, each.activity_run_id, ExecutionStatus(each.row.status if each.row is not None else 1).name)
        for each in evidence.tasks.executions.values()
    }
    if len(listing.rows) != len(set(listing.rows)) or set(listing.rows) != there:
        listed = set(listing.rows)
        yield Finding(Rule.LISTED, f"only listed: {sorted(listed - there)}; not listed: {sorted(there - listed)}")
    if listing.total != len(there):
        yield Finding(Rule.LISTED, f"{listing.total} activities are counted; there are {len(there)}")


CHECKS = [check_starts, check_ids, check_refused, check_ended, check_listed]
