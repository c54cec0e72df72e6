"""The options of a start in a transaction: those of a client's, but for what is about waiting for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.client.standalone_options import ActivityOptions
from perdure.client.start_options import WorkflowOptions
from perdure.common import WorkflowIDConflictPolicy


class OutboxWorkflowOptions(WorkflowOptions, total=False):
    """Of `Outbox.start_workflow`."""

    args: Sequence[Any]
    id_conflict_policy: WorkflowIDConflictPolicy
    start_signal: str | None
    start_signal_args: Sequence[Any]


class OutboxActivityOptions(ActivityOptions, total=False):
    """Of `Outbox.start_activity`."""

    args: Sequence[Any]
