"""Other executions in events have the shape of Temporal's JSON."""

from __future__ import annotations

from perdure.client.history_json import events_to_json
from perdure.client.history_relations import flatten, nest
from tests.unit.perdure.client.every_event import HISTORY


def test_the_parent_and_root_of_a_run() -> None:
    started = events_to_json(HISTORY)[0]["workflowExecutionStartedEventAttributes"]
    assert started["parentWorkflowExecution"] == {"workflowId": "p", "runId": "pr"}
    assert started["rootWorkflowExecution"] == {"workflowId": "root", "runId": "rr"}
    assert (started["parentWorkflowNamespace"], started["parentInitiatedEventId"]) == ("default", "7")
    assert started["workflowId"] == "w"


def test_the_run_of_a_child() -> None:
    rows = {row["eventType"]: row for row in events_to_json(HISTORY)}
    completed = rows["EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED"]["childWorkflowExecutionCompletedEventAttributes"]
    assert completed["workflowExecution"] == {"workflowId": "c", "runId": "cr"}
    initiated = rows["EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED"]
    attributes = initiated["startChildWorkflowExecutionInitiatedEventAttributes"]
    assert attributes["workflowId"] == "c"
    assert attributes["parentClosePolicy"] == "PARENT_CLOSE_POLICY_ABANDON"
    assert attributes["workflowIdReusePolicy"] == "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"


def test_what_is_not_there_stays_away() -> None:
    attributes = {"workflowId": "w"}
    nest(attributes, names_execution=False)
    assert attributes == {"workflowId": "w"} == flatten(attributes, names_execution=True)
