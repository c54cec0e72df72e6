"""What generated workflows do to other workflows: children of theirs, and those that somebody else started.

These are steps of `Generated`, which a child is as well; each notes what came of it under its place.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from perdure import workflow
from perdure.common import WorkflowIDReusePolicy
from perdure.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from perdure.workflow import ChildWorkflowCancellationType, ChildWorkflowHandle, ParentClosePolicy
from tests.simulation.programs import Spec

BROKEN = "Broken"
TYPE = "Generated"

TAKEN = "taken"
"""Another workflow had the id of a child."""

TERMINATED = "terminated"

NOBODY = "nobody"
"""What was sent to another workflow found no open run of it."""


class Teller(Protocol):
    """What steps need of the workflow that they belong to."""

    def note(self, place: str, what: str) -> None: ...


def told_of_child(error: ChildWorkflowError) -> str:
    """What came of a child that did not complete, in a word or two."""
    cause = error.cause
    if is_cancelled_exception(error):
        return "canceled"
    if isinstance(cause, TerminatedError):
        return TERMINATED
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, ApplicationError):
        return f"failed {cause.type}"
    return f"failed {type(cause).__name__}"


async def run_child(teller: Teller, place: str, spec: Spec) -> None:
    """Start a child, and wait for its end if its spec says so."""
    child_id = f"{workflow.info().workflow_id}/{place}"
    try:
        handle = await _start(child_id, spec)
        for number in range(spec.get("signals", 0)):
            await _signal(handle, f"{child_id}/{number}")
        if spec.get("twice"):
            await _start_again(teller, place, child_id, spec)
        if not spec["waits"]:
            teller.note(place, "started")
            return
        result = await handle
    except WorkflowAlreadyStartedError:
        teller.note(place, TAKEN)
        return
    except ChildWorkflowError as error:
        teller.note(place, told_of_child(error))
        if is_cancelled_exception(error):
            raise
        return
    if result["id"] != child_id:
        raise ApplicationError(f"child {place} was given the result of {result['id']}", type=BROKEN)
    teller.note(place, "ok")


async def _start(
    child_id: str, spec: Spec, reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE
) -> ChildWorkflowHandle[Any, Any]:
    ms = spec.get("timeout_ms", 0)
    return await workflow.start_child_workflow(
        TYPE,
        spec["program"],
        id=child_id,
        cancellation_type=ChildWorkflowCancellationType(spec["cancel"]),
        parent_close_policy=ParentClosePolicy(spec["policy"]),
        run_timeout=timedelta(milliseconds=ms) if ms else None,
        id_reuse_policy=reuse,
    )


async def _signal(handle: ChildWorkflowHandle[Any, Any], label: str) -> None:
    try:
        await handle.signal("go", label)
    except ApplicationError as error:  # it has ended by itself meanwhile
        _check_cause(error)


async def _start_again(teller: Teller, place: str, child_id: str, spec: Spec) -> None:
    """The id is taken, whether the child has ended meanwhile or not."""
    try:
        await _start(child_id, spec, WorkflowIDReusePolicy.REJECT_DUPLICATE)
    except WorkflowAlreadyStartedError:
        teller.note(f"{place}.again", TAKEN)
    else:
        raise ApplicationError(f"child {place} was started a second time", type=BROKEN)


async def tell(teller: Teller, place: str, workflow_id: str, what: str) -> None:
    """Send a signal, or a request to cancel, to a workflow that a client started."""
    handle = workflow.get_external_workflow_handle(workflow_id)
    info = workflow.info()
    try:
        if what == "cancel":
            await handle.cancel()
        else:
            await handle.signal("go", f"{info.workflow_id}/{info.run_id}/{place}")
    except ApplicationError as error:
        _check_cause(error)
        teller.note(place, NOBODY)
    else:
        teller.note(place, "told")


def _check_cause(error: ApplicationError) -> None:
    if error.type != "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND":
        raise ApplicationError(f"what was sent to another workflow failed by {error.type}", type=BROKEN)
