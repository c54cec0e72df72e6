"""Messages between runs name the workflow that they are for."""

from __future__ import annotations

from perdure.protocol.child_workflow import ParentLink, StartChildWorkflowExecutionInitiated
from perdure.protocol.codec import pack, unpack
from perdure.protocol.messages import Origin, RecordChildClosed, StartChildWorkflow
from perdure.protocol.requests import REQUESTS

LINK = ParentLink("default", "parent", "run", 5, "root", "root-run")
START = StartChildWorkflow(
    Origin(3, "run", 5), StartChildWorkflowExecutionInitiated(4, "child", "Child", "q", b"in", "other"), LINK
)
CLOSED = RecordChildClosed(Origin(1, "child-run", 9), LINK, "other", "child", "child-run", "Child", "child-run", 2)


def test_a_start_is_for_the_child() -> None:
    assert (START.namespace, START.workflow_id) == ("other", "child")
    assert START.origin.request_id == "run:5"


def test_an_outcome_is_for_the_parent() -> None:
    assert (CLOSED.namespace, CLOSED.workflow_id, CLOSED.run_id) == ("default", "parent", "run")


def test_messages_survive() -> None:
    for message in (START, CLOSED):
        assert REQUESTS.decode(*unpack(pack(REQUESTS.numbered(message)))) == message
