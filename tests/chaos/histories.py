"""The histories that a campaign has left: legal under a checker that knows no engine, and the same again on replay."""

from __future__ import annotations

import asyncio

from perdure.client import WorkflowHistory
from perdure.worker import Replayer
from tests.chaos.records import Run, Store
from tests.chaos.workload import WORKFLOWS
from tests.legality import violations

REPLAYS_MAX = 2_000
"""Spread over the campaign; each takes a few milliseconds."""


def history_problems(store: Store) -> list[str]:
    """What is wrong with the histories; replays are those of closed runs, or of so many of them."""
    runs = [run for some in store.runs.values() for run in some]
    return [*_illegal(runs), *_unrepeatable([run for run in runs if run.status != "RUNNING"])]


def _illegal(runs: list[Run]) -> list[str]:
    return [f"{run.workflow_id} ({run.run_id}): {found}" for run in runs for found in violations(run.records)]


def _unrepeatable(runs: list[Run]) -> list[str]:
    chosen = runs[:: len(runs) // REPLAYS_MAX + 1]
    histories = [WorkflowHistory(run.workflow_id, run.events, run.run_id) for run in chosen]
    replayer = Replayer(workflows=list(WORKFLOWS.values()))
    results = asyncio.run(replayer.replay_workflows(histories, raise_on_replay_failure=False))
    return [f"run {run_id} does not replay: {error}" for run_id, error in results.replay_failures.items()]
