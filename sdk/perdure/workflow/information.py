"""What a workflow knows about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perdure.common import (
    Payload,
    Priority,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    WorkerDeploymentVersion,
)


@dataclass(frozen=True)
class ParentInfo:
    """The workflow that started this one."""

    namespace: str
    run_id: str
    workflow_id: str


@dataclass(frozen=True)
class RootInfo:
    """The first of the workflows that led here."""

    run_id: str
    workflow_id: str


@dataclass(frozen=True)
class Info:
    """Of the running workflow; made by `workflow.info()`.

    Attributes:
        attempt: From 1; higher when the workflow's retry policy started it again.
        original_execution_run_id: The run id of the first event; differs from `run_id` after a reset.
        start_time: When its first workflow task started.
        workflow_start_time: When it was started.
        typed_search_attributes: What lists find the workflow by, as it is now; `search_attributes` is the deprecated
            form. `workflow.upsert_search_attributes` changes it.
    """

    attempt: int
    continued_run_id: str | None
    cron_schedule: str | None
    execution_timeout: timedelta | None
    first_execution_run_id: str
    headers: Mapping[str, Payload]
    namespace: str
    original_execution_run_id: str
    parent: ParentInfo | None
    root: RootInfo | None
    priority: Priority
    raw_memo: Mapping[str, Payload]
    retry_policy: RetryPolicy | None
    run_id: str
    run_timeout: timedelta | None
    search_attributes: SearchAttributes
    start_time: datetime
    task_queue: str
    task_timeout: timedelta
    typed_search_attributes: TypedSearchAttributes
    workflow_id: str
    workflow_start_time: datetime
    workflow_type: str

    def logger_details(self) -> dict[str, Any]:
        """What log records say about the workflow."""
        return {
            "attempt": self.attempt,
            "namespace": self.namespace,
            "run_id": self.run_id,
            "task_queue": self.task_queue,
            "workflow_id": self.workflow_id,
            "workflow_type": self.workflow_type,
        }

    def get_current_history_length(self) -> int:
        """Events of the history up to the current workflow task."""
        from perdure.workflow.runtime import current

        return current().history_length

    def get_current_history_size(self) -> int:
        """Bytes of the history up to the current workflow task, as stored."""
        from perdure.workflow.runtime import current

        return current().history_size

    def get_current_deployment_version(self) -> WorkerDeploymentVersion | None:
        """The version of the worker that has the current workflow task, or had it when it was first run; None if that
        worker said none. A branch that hangs on it is a branch of workflow code: it is the same on every replay."""
        from perdure.workflow.runtime import current

        return current().version

    def get_current_build_id(self) -> str:
        """The build id of that version; empty without one."""
        version = self.get_current_deployment_version()
        return "" if version is None else version.build_id

    def is_continue_as_new_suggested(self) -> bool:
        """Whether the history has become so long that the workflow should go on in a new run."""
        from perdure.workflow.runtime import current

        runtime = current()
        return (
            runtime.history_length >= CONTINUE_AS_NEW_SUGGESTED_EVENTS
            or runtime.history_size >= CONTINUE_AS_NEW_SUGGESTED_BYTES
        )


CONTINUE_AS_NEW_SUGGESTED_EVENTS = 4_096
"""Events from which on continue-as-new is suggested (Temporal's number). Replay rests on it."""

CONTINUE_AS_NEW_SUGGESTED_BYTES = 4 * 1024 * 1024
"""Bytes of stored history from which on continue-as-new is suggested (Temporal's number). Replay rests on it."""
