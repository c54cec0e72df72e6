"""A replay test for CI: whoever changes a workflow learns before the deployment which open runs could not go on.

    pip install perdure pytest pytest-asyncio
    pytest sdk/examples/test_replay.py

Keep a few histories of each workflow beside its code: `perdure workflow show ID --json > histories/NAME.json`. Before a
deployment, try the runs that are open, too: `perdure workflow replay MODULE --filter "ExecutionStatus = 'Running'"`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from patching import Order, OrderOfLastWeek

from perdure import workflow
from perdure.client import WorkflowHistory
from perdure.worker import Replayer


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


HISTORIES = [history(path) for path in sorted((Path(__file__).parent / "histories").glob("order-*.json"))]


@pytest.mark.asyncio
@pytest.mark.parametrize("recorded", HISTORIES, ids=lambda recorded: recorded.workflow_id)
async def test_todays_code_goes_on_with_every_history(recorded: WorkflowHistory) -> None:
    await Replayer(workflows=[Order]).replay_workflow(recorded)


@pytest.mark.asyncio
async def test_last_weeks_code_would_not() -> None:
    (recorded,) = [history for history in HISTORIES if history.workflow_id == "order-of-this-week"]
    with pytest.raises(workflow.NondeterminismError, match="patch 'check-fraud-first'"):
        await Replayer(workflows=[OrderOfLastWeek]).replay_workflow(recorded)
