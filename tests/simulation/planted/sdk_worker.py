"""Bugs of the SDK's worker: instances that stand elsewhere, and attempts that begin without leave."""

from __future__ import annotations

import pytest

from perdure.execution.instance import WorkflowInstance
from perdure.protocol.tasks import WorkflowTask
from perdure.worker.workflow_worker import WorkflowWorker
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.REPLAY, Rule.OUTCOME_ALLOWED, Rule.LIVENESS)
def reuse_a_stale_worker_instance(patch: pytest.MonkeyPatch) -> None:
    """An instance that is cached goes on from wherever it stands, which may be before what another worker did."""

    def instance_anyhow(self: WorkflowWorker, task: WorkflowTask) -> WorkflowInstance | None:
        return self._cache.get(task.run_id) if task.continues_from else None

    patch.setattr(WorkflowWorker, "_instance_at", instance_anyhow)
