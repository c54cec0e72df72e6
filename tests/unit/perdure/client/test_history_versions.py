"""Versions of workers in events have the shape of Temporal's JSON."""

from __future__ import annotations

import pytest

from perdure.client.history_json import events_from_json, events_to_json
from perdure.client.history_versions import flatten_versions, nest_versions
from perdure.protocol.deployment import Behavior, VersionStamp
from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionStarted, WorkflowTaskCompleted

PINNED = VersionStamp("shop", "v1", Behavior.PINNED)
VERSION = {"deploymentName": "shop", "buildId": "v1"}


def test_the_version_of_the_worker_that_completed_a_task() -> None:
    event = HistoryEvent(4, 0, EventType.WORKFLOW_TASK_COMPLETED, WorkflowTaskCompleted(2, 3, "me", "", PINNED))
    [row] = events_to_json([event])
    attributes = row["workflowTaskCompletedEventAttributes"]
    assert attributes["deploymentVersion"] == VERSION
    assert attributes["versioningBehavior"] == "VERSIONING_BEHAVIOR_PINNED"
    assert attributes["workerDeploymentName"] == "shop"
    assert events_from_json({"events": [row]})[0] == [event]


@pytest.mark.parametrize("override", [PINNED, VersionStamp("", "", Behavior.AUTO_UPGRADE)])
def test_what_a_start_said_and_what_it_inherited(override: VersionStamp) -> None:
    started = WorkflowExecutionStarted("T", "q", versioning_override=override, inherited_version=PINNED)
    [row] = events_to_json([HistoryEvent(1, 0, EventType.WORKFLOW_EXECUTION_STARTED, started)])
    attributes = row["workflowExecutionStartedEventAttributes"]
    assert attributes["inheritedPinnedVersion"] == VERSION
    assert ("pinned" if override is PINNED else "autoUpgrade") in attributes["versioningOverride"]
    [event] = events_from_json({"events": [row]})[0]
    assert (event.attributes.versioning_override, event.attributes.inherited_version) == (override, PINNED)


def test_a_worker_that_is_not_versioned() -> None:
    stamp = PINNED._replace(behavior=Behavior.UNSPECIFIED)
    attributes = {"version": stamp}
    nest_versions(attributes)
    assert "versioningBehavior" not in attributes
    assert flatten_versions(attributes)["version"] == stamp


def test_what_is_not_there_stays_away() -> None:
    attributes = {"identity": "me"}
    nest_versions(attributes)
    assert attributes == {"identity": "me"} == flatten_versions(attributes)
