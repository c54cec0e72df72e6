"""A crowd: starts that one client sends at the same moment, so that they travel together; half of them cannot be kept.

Each that cannot must be set aside alone, with an error for its sender, and its neighbours must go on.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure.client import Client
from perdure.service import RPCError
from tests.simulation.client import POISON
from tests.simulation.generated import Generated
from tests.simulation.ledger import Ledger
from tests.simulation.programs import Program
from tests.simulation.rules import Rule
from tests.simulation.sdk_worker import QUEUE

CROWD = 8
PATIENCE = timedelta(hours=1)
PROGRAM: Program = {"steps": [["act", {"kind": "plain", "ms": 1}]], "on_cancel": "raise"}


async def send_crowd(client: Client, ledger: Ledger) -> None:
    """Start a crowd of workflows, and wait for the ends of those that can be kept."""
    await asyncio.gather(*(_start(client, ledger, number) for number in range(CROWD)))


async def _start(client: Client, ledger: Ledger, number: int) -> None:
    is_kept = number % 2 == 0
    workflow_id = f"{'crowd' if is_kept else POISON}-{number}-of-a-crowd"
    try:
        handle = await client.start_workflow(
            Generated.run, PROGRAM, id=workflow_id, task_queue=QUEUE, rpc_timeout=PATIENCE
        )
    except RPCError as error:
        if is_kept:
            ledger.violation(f"{workflow_id} was refused: {error}", Rule.START_KEPT)
        return
    if not is_kept:
        ledger.violation(f"{workflow_id} was started, though it cannot be kept", Rule.START_KEPT)
        return
    await handle.result(rpc_timeout=PATIENCE)
