"""The three acts, each against a running cluster: a fan-out, a saga, a kill.

Each act starts its workflows through a client, says how far it has come, and checks what came out. What it claims is
read from the histories afterwards (`audit.py`), not counted along the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perdure.client import Client, WorkflowHandle
from perdure_engine.demo.ledger import Ledger
from perdure_engine.demo.stage import Stage
from perdure_engine.demo.workflows import AgentRun, BookTrip, SupportRun, Trip

TRIPS = 20
SUPPORT_RUNS = 60
SUPPORT_START_INTERVAL_S = 0.02
"""Runs start one after another, so that the kill finds them in all states."""

POLL_INTERVAL_S = 0.02

Advance = Callable[[int], None]
"""Told how many runs finished since the last call."""


class DemoFailed(RuntimeError):
    """What the demo wants to show did not happen. Says what was expected and what came."""


@dataclass(frozen=True)
class Act:
    """What an act left to look at."""

    name: str
    handles: list[WorkflowHandle[Any, Any]]


async def fan_out(client: Client, task_queue: str, runs: int, advance: Advance) -> Act:
    """Many agents at once, each a workflow of its own."""
    handles = await asyncio.gather(
        *(
            client.start_workflow(AgentRun.run, number, id=f"agent-{number}", task_queue=task_queue)
            for number in range(runs)
        )
    )
    await _finish(handles, advance)
    return Act("fan-out", list(handles))


async def saga(client: Client, task_queue: str, advance: Advance) -> Act:
    """Trips whose third booking fails: everything booked before must be undone, last first."""
    handles = await asyncio.gather(
        *(
            client.start_workflow(BookTrip.run, Trip(number), id=f"trip-{number}", task_queue=task_queue)
            for number in range(TRIPS)
        )
    )
    for number, undone in enumerate(await _finish(handles, advance)):
        if undone != [f"hotel-{number}", f"flight-{number}"]:
            raise DemoFailed(f"trip {number} should have undone its hotel, then its flight, but undid {undone}")
    return Act("saga", list(handles))


async def kill(client: Client, stage: Stage, task_queue: str, ledger: Ledger, advance: Advance) -> Act:
    """Kill the worker with SIGKILL when half of the model calls were sent, and start another."""
    before = len(ledger.keys())
    starting = asyncio.create_task(_start_support(client, task_queue))
    while len(ledger.keys()) - before < SUPPORT_RUNS // 2:
        if starting.done() and starting.exception() is not None:
            break
        await asyncio.sleep(POLL_INTERVAL_S)
    await stage.replace_worker()
    handles = await starting
    await _finish(handles, advance)
    return Act("kill", handles)


async def _start_support(client: Client, task_queue: str) -> list[WorkflowHandle[Any, Any]]:
    handles: list[WorkflowHandle[Any, Any]] = []
    for number in range(SUPPORT_RUNS):
        handles.append(
            await client.start_workflow(SupportRun.run, number, id=f"support-{number}", task_queue=task_queue)
        )
        await asyncio.sleep(SUPPORT_START_INTERVAL_S)
    return handles


async def _finish(handles: list[WorkflowHandle[Any, Any]], advance: Advance) -> list[Any]:
    """The results, in order."""

    async def one(handle: WorkflowHandle[Any, Any]) -> Any:
        result = await handle.result()
        advance(1)
        return result

    return await asyncio.gather(*(one(handle) for handle in handles))
