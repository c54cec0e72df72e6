"""One history event of every type, with every field set."""

from __future__ import annotations

from perdure.protocol import child_workflow as child, events, external_workflow as external, updates
from perdure.protocol.codec import pack
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.failure import (
    ActivityInfo,
    ApplicationInfo,
    CanceledInfo,
    ChildWorkflowInfo,
    Failure,
    RetryState,
    ServerInfo,
    TerminatedInfo,
    TimeoutInfo,
    TimeoutType,
)
from perdure.protocol.marker import pack_details
from perdure.protocol.payload import Payload, pack_payloads
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes

JSON = Payload({"encoding": b"json/plain"}, b'"text"')
DATA = pack_payloads([JSON, Payload({"encoding": b"binary/null"}, b"")])
FIELDS = pack({"name": JSON})
ATTRIBUTES = pack_search_attributes(
    {
        "Amount": (SearchAttributeType.INT, 12),
        "Customer": (SearchAttributeType.KEYWORD, "ada"),
        "Due": (SearchAttributeType.DATETIME, 1_700_000_000_123_456),
        "Gone": (SearchAttributeType.BOOL, None),
        "Tags": (SearchAttributeType.KEYWORD_LIST, ("a", "b")),
    }
)
DETAILS = pack_details({"patch-data": [JSON], "result": [JSON, JSON]})
RETRY = RetryPolicyData(1500, 3.0, 60_000, 4, ("TypeError",))
FAILURE = Failure.of(
    "activity failed",
    ActivityInfo(5, 6, "1", "brew", int(RetryState.MAXIMUM_ATTEMPTS_REACHED), "me"),
    cause=Failure.of(
        "no tea",
        ApplicationInfo("TeaError", True, DATA, 1500),
        cause=Failure.of("late", TimeoutInfo(int(TimeoutType.HEARTBEAT), DATA)),
        stack_trace="line 1",
        source="PythonSDK",
    ),
)
FAILURES = [
    FAILURE,
    Failure.of("stop", CanceledInfo(DATA)),
    Failure.of("ended", TerminatedInfo()),
    Failure.of("ours", ServerInfo(True)),
    Failure.of("child", ChildWorkflowInfo("default", "w", "r", "T", 5, 6, int(RetryState.TIMEOUT))),
]

PARENT = child.ParentLink("default", "p", "pr", 7, "root", "rr")
CHILD_ID = ("other", "c")
CHILD_RUN = (*CHILD_ID, "cr")
_STATE = int(RetryState.TIMEOUT)
_ATTRIBUTES = [
    events.WorkflowExecutionStarted(
        "T",
        "q",
        DATA,
        "w",
        "me",
        "",
        1,
        2,
        10_000,
        RETRY,
        FIELDS,
        b"",
        "r1",
        2,
        FIELDS,
        1500,
        "r0",
        2,
        FAILURE,
        DATA,
        "@daily",
        1_795_176_000_500_000,
        "r1",
        PARENT,
        versioning_override=VersionStamp("shop", "v2", 1),
        inherited_version=VersionStamp("shop", "v1", 1),
    ),
    events.WorkflowExecutionCompleted(DATA, 4, "r2"),
    events.WorkflowExecutionFailed(FAILURE, _STATE, 4, "r2"),
    events.WorkflowExecutionTimedOut(_STATE, "r2"),
    events.WorkflowTaskScheduled("q", 10_000, 1),
    events.WorkflowTaskStarted(2, "me", 1234),
    events.WorkflowTaskCompleted(2, 3, "me", "", VersionStamp("shop", "v1", 1)),
    events.WorkflowTaskTimedOut(2, 3, int(TimeoutType.START_TO_CLOSE)),
    events.WorkflowTaskFailed(2, 3, "NON_DETERMINISTIC_ERROR", FAILURE, "me", "r0", "r1"),
    events.ActivityTaskScheduled("1", "brew", "q", DATA, 1, 2, 3500, 4, RETRY, 4, FIELDS, 2, "tea"),
    events.ActivityTaskStarted(5, "me", 2, FAILURE),
    events.ActivityTaskCompleted(DATA, 5, 6, "me"),
    events.ActivityTaskFailed(FAILURE, 5, 6, "me", _STATE),
    events.ActivityTaskTimedOut(FAILURE, 5, 6, _STATE),
    events.ActivityTaskCancelRequested(5, 4),
    events.ActivityTaskCanceled(DATA, 5, 6, 7, "me"),
    events.TimerStarted("t", 86_400_000, 4, "steep"),
    events.TimerFired("t", 5),
    events.TimerCanceled("t", 5, 4, "me"),
    events.WorkflowExecutionCancelRequested("why", "me", ""),
    events.WorkflowExecutionCanceled(DATA, 4),
    events.MarkerRecorded("core_patch", DETAILS, 4, FIELDS, FAILURE),
    events.UpsertWorkflowSearchAttributes(4, ATTRIBUTES),
    events.WorkflowPropertiesModified(4, pack({"name": JSON, "gone": None})),
    events.WorkflowExecutionSignaled("s", DATA, "me", "req", FIELDS),
    events.WorkflowExecutionTerminated("why", DATA, "me"),
    events.WorkflowExecutionContinuedAsNew("r2", "T", "q", DATA, 1, 2, 4, 1500, None, FIELDS, b"", FIELDS, 3),
    external.SignalExternalWorkflowExecutionInitiated(4, *CHILD_RUN, "poke", DATA, FIELDS, 1),
    external.SignalExternalWorkflowExecutionFailed("EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND", *CHILD_RUN, 5, 4),
    external.ExternalWorkflowExecutionSignaled(*CHILD_RUN, 5),
    external.RequestCancelExternalWorkflowExecutionInitiated(4, *CHILD_RUN, "why", 1),
    external.RequestCancelExternalWorkflowExecutionFailed("NAMESPACE_NOT_FOUND", *CHILD_RUN, 5, 4),
    external.ExternalWorkflowExecutionCancelRequested(*CHILD_RUN, 5),
    child.StartChildWorkflowExecutionInitiated(
        4, "c", "Child", "q", DATA, "other", 1, 2, 3500, 2, 3, RETRY, "@daily", FIELDS, b"", FIELDS, 2, "one", "two"
    ),
    child.StartChildWorkflowExecutionFailed("WORKFLOW_ALREADY_EXISTS", *CHILD_ID, "Child", 5, 4),
    child.ChildWorkflowExecutionStarted(*CHILD_RUN, "Child", 5),
    child.ChildWorkflowExecutionCompleted(DATA, *CHILD_RUN, "Child", 5, 6),
    child.ChildWorkflowExecutionFailed(FAILURE, *CHILD_RUN, "Child", 5, 6, _STATE),
    child.ChildWorkflowExecutionCanceled(DATA, *CHILD_RUN, "Child", 5, 6),
    child.ChildWorkflowExecutionTimedOut(*CHILD_RUN, "Child", 5, 6, _STATE),
    child.ChildWorkflowExecutionTerminated(*CHILD_RUN, "Child", 5, 6),
    updates.WorkflowExecutionUpdateAccepted("u", "u/request", 2, "change", DATA, "me", FIELDS, 4),
    updates.WorkflowExecutionUpdateAdmitted("w", "change", DATA, "me", FIELDS),
    updates.WorkflowExecutionUpdateCompleted("u", 5, DATA, None, 0),
    updates.WorkflowExecutionUpdateCompleted("v", 5, b"", FAILURE, 0),
]

HISTORY = [
    HistoryEvent(number, 1_795_176_000_123_456 + number, EventType(events.EVENTS.kind_of[type(attributes)]), attributes)
    for number, attributes in enumerate(_ATTRIBUTES, 1)
]
