"""Bugs of the SDK's worker: instances that do not stand where they should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perdure.protocol.tasks import WorkflowTask
from perdure.worker.history_fetching import FetchedHistory
from perdure.worker.workflow_worker import WorkflowWorker
from perdure_broker.port import TaskEntry
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario


def _with_many_workflows(scenario: Scenario) -> Scenario:
    return replace(scenario, workflows=tuple(range(75)), faults=())


@planted(Rule.TASK_FAILURE, Rule.LIVENESS, Rule.REPLAY, Rule.OUTCOME_ALLOWED, seed=3, sharpen=_with_many_workflows)
def reuse_a_stale_worker_instance(patch: pytest.MonkeyPatch) -> None:
    """An instance that is cached goes on from where it stands, though it does not stand where the run is: what it did
    last never came to anything, or was done for an earlier run of the same workflow id."""
    start_over = WorkflowWorker._start_over

    def go_on(self: WorkflowWorker, entry: TaskEntry, task: WorkflowTask, history: FetchedHistory) -> None:
        workflow_id = history.events[0].attributes.workflow_id
        cached = [item for item in self._cache._instances.values() if item.run.workflow_id == workflow_id]
        if cached:
            later = [event for event in history.events if event.event_id > cached[-1].continues_from]
            self._activate(entry, task, cached[-1], later, history.updates)
        else:
            start_over(self, entry, task, history)

    def keep(self: WorkflowWorker, entry: TaskEntry, task: WorkflowTask, body: Any) -> None:
        self._link.drop(entry)

    patch.setattr(WorkflowWorker, "_start_over", go_on)
    patch.setattr(WorkflowWorker, "_must_wait", lambda self, entry, task: False)
    patch.setattr(WorkflowWorker, "_refused", keep)
