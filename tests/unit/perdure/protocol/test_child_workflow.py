"""Commands and events of child workflows, and the link to a parent."""

from __future__ import annotations

from perdure.protocol.child_workflow import (
    CHILD_EVENTS,
    ParentLink,
    StartChildWorkflowExecution,
    StartChildWorkflowExecutionInitiated,
)
from perdure.protocol.codec import pack, struct_decoder, unpack

LINK = ParentLink("default", "parent", "run", 5, "root", "root-run")


def test_an_event_is_its_command_behind_the_completion() -> None:
    """The machine makes the one of the other by position."""
    names = StartChildWorkflowExecutionInitiated._fields
    assert names == ("workflow_task_completed_event_id", *StartChildWorkflowExecution._fields)


def test_every_event_names_what_initiated_it() -> None:
    others = [cls for cls in CHILD_EVENTS.values() if cls is not StartChildWorkflowExecutionInitiated]
    assert all("initiated_event_id" in cls._fields for cls in others)


def test_a_link_survives() -> None:
    assert struct_decoder(ParentLink)(unpack(pack(LINK))) == LINK
