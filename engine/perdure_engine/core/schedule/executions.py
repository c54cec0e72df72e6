"""What an action starts: its names, and the request.

Rules: names follow from the schedule and the moment, so that an action that is taken twice starts one run. The
workflow id is that of the action with the moment behind it, as in Temporal; actions taken by hand have moments with
milliseconds.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from perdure.protocol.requests import RequestCancelWorkflow, TerminateWorkflow
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes, unpack_search_attributes
from perdure.protocol.start_requests import IdConflictPolicy, IdReusePolicy, StartWorkflow
from perdure_engine.core.schedule.progress import Ending, Progress, Start
from perdure_engine.core.schedule.steps import Plan

SCHEDULED_BY_ID = "TemporalScheduledById"
SCHEDULED_START_TIME = "TemporalScheduledStartTime"
"""Search attributes by which what a schedule started is found; their names are Temporal's."""

_EPOCH = datetime.fromtimestamp(0, UTC)


def start_request(plan: Plan, progress: Progress, start: Start) -> StartWorkflow:
    """The request that takes an action."""
    action = plan.definition.action.workflow
    assert action is not None
    attributes = unpack_search_attributes(action.search_attributes)
    attributes[SCHEDULED_BY_ID] = (int(SearchAttributeType.KEYWORD), plan.schedule_id)
    attributes[SCHEDULED_START_TIME] = (int(SearchAttributeType.DATETIME), start.nominal_us)
    return action._replace(
        namespace=plan.namespace,
        workflow_id=f"{action.workflow_id}-{moment(start.nominal_us)}",
        request_id=_request_id(plan, progress, f"{start.nominal_us}\0{start.origin}"),
        wait_result=False,
        id_reuse_policy=int(IdReusePolicy.ALLOW_DUPLICATE),
        id_conflict_policy=int(IdConflictPolicy.FAIL),
        search_attributes=pack_search_attributes(attributes),
        start_delay_ms=0,
        cron_schedule="",
    )


def end_request(plan: Plan, progress: Progress, ending: Ending) -> TerminateWorkflow | RequestCancelWorkflow:
    """The request that ends what another action is to take the place of."""
    reason = f"schedule {plan.schedule_id}: the next action is due"
    author = (_request_id(plan, progress, f"end\0{ending.run_id}\0{int(ending.terminate)}"), "schedule")
    target = (plan.namespace, ending.workflow_id, "")  # whichever run of the chain is open by now
    if ending.terminate:
        return TerminateWorkflow(*target, reason, b"", *author, ending.first_run_id)
    return RequestCancelWorkflow(*target, reason, *author, ending.first_run_id)


def moment(time_us: int) -> str:
    """A moment as it stands behind a workflow id, such as 2026-11-20T09:00:00Z."""
    at = _EPOCH + timedelta(microseconds=time_us)
    text = at.replace(tzinfo=None).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return f"{text}Z"


def _request_id(plan: Plan, progress: Progress, what: str) -> str:
    name = f"{plan.namespace}\0{plan.schedule_id}\0{progress.created_us}\0{what}"
    return f"schedule-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"
