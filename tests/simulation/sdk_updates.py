"""Updates as clients of a simulation send them, alone and with a start; what comes back is judged by what they know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from perdure.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from perdure.exceptions import ApplicationError
from perdure.service import RPCError, RPCStatusCode
from tests.simulation.generated import Generated
from tests.simulation.generated_updates import REFUSED, UNLUCKY, is_fickle, is_refused, is_unlucky
from tests.simulation.plans import Update

PATIENCE = timedelta(hours=1)
HURRY = timedelta(seconds=1)

ABANDONED = "AcceptedUpdateCompletedWorkflow"
"""Type of the failure of an update whose run closed while its handler was at work."""

Wrong = Callable[[str], None]


async def send_update(handle: WorkflowHandle[Any, Any], update: Update, wrong: Wrong) -> bool:
    """Send an update, and wait for its outcome. True if the workflow took it in.

    Raises:
        RPCError: refused, as it is before the start and after the end.
    """
    timeout = HURRY if update.is_hurried else PATIENCE
    stage = WorkflowUpdateStage.ACCEPTED if update.is_accepted_first else WorkflowUpdateStage.COMPLETED
    try:
        accepted = await handle.start_update(
            update.name, update.label, id=update.label, wait_for_stage=stage, rpc_timeout=timeout
        )
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return False
    try:
        result = await accepted.result(rpc_timeout=PATIENCE)
    except WorkflowUpdateFailedError as failed:
        return _judge_failure(failed, update, wrong)
    return _judge_result(result, update, wrong)


async def start_with_update(
    client: Client, options: dict[str, Any], program: Any, update: Update, wrong: Wrong
) -> None:
    """Start a workflow by the request that sends it an update.

    Raises:
        RPCError: refused.
        WorkflowAlreadyStartedError: the id is somebody else's.
    """
    operation = WithStartWorkflowOperation(Generated.run, program, **options)
    try:
        result = await client.execute_update_with_start_workflow(
            update.name, update.label, id=update.label, start_workflow_operation=operation
        )
    except WorkflowUpdateFailedError as failed:
        _judge_failure(failed, update, wrong)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:  # the run closed before it took the update in
            raise
    else:
        _judge_result(result, update, wrong)


def _judge_result(result: Any, update: Update, wrong: Wrong) -> bool:
    if result != update.label or is_refused(update.label) or is_unlucky(update.label):
        wrong(f"the update {update.label} was answered with {result}")
    return True


def _judge_failure(failed: WorkflowUpdateFailedError, update: Update, wrong: Wrong) -> bool:
    """True if the workflow took the update in all the same."""
    kind = failed.cause.type if isinstance(failed.cause, ApplicationError) else type(failed.cause).__name__
    if kind == REFUSED and (is_refused(update.label) or is_fickle(update.label)):
        return False
    if not (kind == ABANDONED or (kind == UNLUCKY and is_unlucky(update.label))):
        wrong(f"the update {update.label} failed by {kind}: {failed.cause}")
    return kind != ABANDONED
