"""Replays the histories that a campaign has left: the code must do again what the histories say it did."""

from __future__ import annotations

import asyncio

from perdure.client import WorkflowHistory
from perdure.worker import Replayer
from tests.chaos.records import Store
from tests.chaos.workload import WORKFLOWS

REPLAYS_MAX = 2_000
"""Spread over the campaign; each takes a few milliseconds."""


def replay_problems(store: Store) -> list[str]:
    """Replay the histories of closed runs, or of so many of them."""
    runs = [run for some in store.runs.values() for run in some if run.status != "RUNNING"]
    chosen = runs[:: len(runs) // REPLAYS_MAX + 1]
    histories = [WorkflowHistory(run.workflow_id, run.events, run.run_id) for run in chosen]
    replayer = Replayer(workflows=list(WORKFLOWS.values()))
    results = asyncio.run(replayer.replay_workflows(histories, raise_on_replay_failure=False))
    return [f"run {run_id} does not replay: {error}" for run_id, error in results.replay_failures.items()]
