"""Other executions in the events of a history, as Temporal's JSON names them: nested, where ours are flat.

Role: an event that has a workflow id and a run id says both in one `workflowExecution`; the start of a child has its
parent and root in keys of their own.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.child_workflow import ParentLink

_ID, _RUN, _PARENT = "workflowId", "runId", "parent"


def _execution(workflow_id: str, run_id: str) -> dict[str, str]:
    return {key: value for key, value in ((_ID, workflow_id), (_RUN, run_id)) if value}


def nest(attributes: dict[str, Any], *, names_execution: bool) -> None:
    """From our flat keys to Temporal's."""
    parent = attributes.pop(_PARENT, None)
    if parent is not None:
        attributes["parentWorkflowNamespace"] = parent.namespace
        attributes["parentWorkflowExecution"] = _execution(parent.workflow_id, parent.run_id)
        attributes["parentInitiatedEventId"] = str(parent.initiated_event_id)
        attributes["rootWorkflowExecution"] = _execution(parent.root_workflow_id, parent.root_run_id)
    if names_execution:
        attributes["workflowExecution"] = _execution(attributes.pop(_ID, ""), attributes.pop(_RUN, ""))


def flatten(given: dict[str, Any], *, names_execution: bool) -> dict[str, Any]:
    """From Temporal's keys to our flat ones."""
    flat = dict(given)
    parent = given.get("parentWorkflowExecution")
    if parent:
        root = given.get("rootWorkflowExecution") or {}
        flat[_PARENT] = ParentLink(
            str(given.get("parentWorkflowNamespace") or ""),
            str(parent.get(_ID) or ""),
            str(parent.get(_RUN) or ""),
            int(given.get("parentInitiatedEventId") or 0),
            str(root.get(_ID) or ""),
            str(root.get(_RUN) or ""),
        )
    if names_execution:
        flat |= given.get("workflowExecution") or {}
    return flat
