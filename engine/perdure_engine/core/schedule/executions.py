"""What an action starts: its names, and the request.

Rules: names follow from the schedule and the moment, so that an action that is taken twice starts one run. The
id of a workflow or an activity is that of the action with the moment behind it, as in Temporal; actions taken by hand
have moments with milliseconds.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.protocol.activity_executions import (
    AwaitActivity,
    DescribeActivity,
    RequestCancelActivity,
    StartActivity,
    TerminateActivity,
    decode_activity_description,
)
from perdure.protocol.content import is_reference
from perdure.protocol.replies import ExecutionStatus, decode_description
from perdure.protocol.requests import AwaitResult, DescribeWorkflow, RequestCancelWorkflow, TerminateWorkflow
from perdure.protocol.schedule import Execution
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes, unpack_search_attributes
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy, StartWorkflow
from perdure_engine.core.schedule.progress import Ending, Progress, Running, Start
from perdure_engine.core.schedule.steps import Plan

SCHEDULED_BY_ID = "TemporalScheduledById"
SCHEDULED_START_TIME = "TemporalScheduledStartTime"
"""Search attributes by which what a schedule started is found; their names are Temporal's."""

_EPOCH = datetime.fromtimestamp(0, UTC)


def start_request(plan: Plan, progress: Progress, start: Start) -> StartWorkflow | StartActivity:
    """The request that takes an action."""
    workflow, activity = plan.definition.action
    suffix = f"-{moment(start.nominal_us)}"
    request_id = _request_id(plan, progress, f"{start.nominal_us}\0{start.origin}")
    if activity is not None:
        policies = int(IdReusePolicy.ALLOW_DUPLICATE), int(IdConflictPolicy.FAIL)
        return activity._replace(
            namespace=plan.namespace,
            activity_id=activity.activity_id + suffix,
            request_id=request_id,
            options=activity.options._replace(id_reuse_policy=policies[0], id_conflict_policy=policies[1]),
            wait_result=False,
            start_delay_ms=0,
            search_attributes=_attributes(plan, activity.search_attributes, start),
        )
    assert workflow is not None
    return workflow._replace(
        namespace=plan.namespace,
        workflow_id=workflow.workflow_id + suffix,
        request_id=request_id,
        wait_result=False,
        id_reuse_policy=int(IdReusePolicy.ALLOW_DUPLICATE),
        id_conflict_policy=int(IdConflictPolicy.FAIL),
        search_attributes=_attributes(plan, workflow.search_attributes, start),
        start_delay_ms=0,
        cron_schedule="",
        # What a result refers to is content of the run that returned it, which another one does not have.
        last_completion_result=b"" if is_reference(progress.last_result) else progress.last_result,
        continued_failure=progress.last_failure,
    )


def execution_of(request: StartWorkflow | StartActivity, run_id: str) -> Execution:
    """What a start has started."""
    if isinstance(request, StartActivity):
        return Execution(request.activity_id, run_id, True)
    return Execution(request.workflow_id, run_id)


def describe_request(namespace: str, run: Running) -> DescribeWorkflow | DescribeActivity:
    """The request that tells whether something still runs."""
    return (DescribeActivity if run.is_activity else DescribeWorkflow)(namespace, run.workflow_id, run.run_id)


def is_open(run: Running, body: Any) -> bool:
    """Whether it does, by the reply to that request."""
    decode = decode_activity_description if run.is_activity else decode_description
    return bool(decode(body).status == ExecutionStatus.RUNNING)


def outcome_request(namespace: str, id: str, run_id: str, is_activity: bool) -> AwaitResult | AwaitActivity:
    """The request for how it ended, answered when it has."""
    return (AwaitActivity if is_activity else AwaitResult)(namespace, id, run_id)


def end_request(
    plan: Plan, progress: Progress, ending: Ending
) -> TerminateWorkflow | RequestCancelWorkflow | TerminateActivity | RequestCancelActivity:
    """The request that ends what another action is to take the place of."""
    reason = f"schedule {plan.schedule_id}: the next action is due"
    author = (_request_id(plan, progress, f"end\0{ending.run_id}\0{int(ending.terminate)}"), "schedule")
    if ending.is_activity:
        end = TerminateActivity if ending.terminate else RequestCancelActivity
        return end(plan.namespace, ending.workflow_id, ending.run_id, reason, *author)
    target = (plan.namespace, ending.workflow_id, "")  # whichever run of the chain is open by now
    if ending.terminate:
        return TerminateWorkflow(*target, reason, b"", *author, ending.first_run_id)
    return RequestCancelWorkflow(*target, reason, *author, ending.first_run_id)


def moment(time_us: int) -> str:
    """A moment as it stands behind a workflow id, such as 2026-11-20T09:00:00Z."""
    at = _EPOCH + timedelta(microseconds=time_us)
    text = at.replace(tzinfo=None).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return f"{text}Z"


def _attributes(plan: Plan, own: bytes, start: Start) -> bytes:
    attributes = unpack_search_attributes(own)
    attributes[SCHEDULED_BY_ID] = (int(SearchAttributeType.KEYWORD), plan.schedule_id)
    attributes[SCHEDULED_START_TIME] = (int(SearchAttributeType.DATETIME), start.nominal_us)
    return pack_search_attributes(attributes)


def _request_id(plan: Plan, progress: Progress, what: str) -> str:
    name = f"{plan.namespace}\0{plan.schedule_id}\0{progress.created_us}\0{what}"
    return f"schedule-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"
