"""Bugs of the SDK's worker: instances that do not stand where they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure.protocol.events import HistoryEvent
from perdure.protocol.replies import ReplyKind
from perdure.protocol.tasks import WorkflowTask
from perdure.worker.workflow_worker import WorkflowWorker
from perdure_broker.port import TaskEntry
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.TASK_FAILURE, Rule.LIVENESS, Rule.REPLAY, Rule.OUTCOME_ALLOWED)
def reuse_a_stale_worker_instance(patch: pytest.MonkeyPatch) -> None:
    """An instance that is cached goes on from where it stands, though what it did last never came to anything: it waits
    for what was never asked for, and does not do what its history says."""
    start_over = WorkflowWorker._start_over

    def go_on(self: WorkflowWorker, entry: TaskEntry, task: WorkflowTask, events: Sequence[HistoryEvent]) -> None:
        instance = self._cache.get(task.run_id)
        if instance is None:
            start_over(self, entry, task, events)
        else:
            later = [event for event in events if event.event_id > instance.continues_from]
            self._activate(entry, task, instance, later)

    def replied(self: WorkflowWorker, entry: TaskEntry, task: WorkflowTask, kind: int, body: Any) -> None:
        if kind == ReplyKind.ERROR:
            self._link.drop(entry)
        else:
            self._link.leases.release(entry.stream, entry.entry_id)

    patch.setattr(WorkflowWorker, "_start_over", go_on)
    patch.setattr(WorkflowWorker, "_replied", replied)
