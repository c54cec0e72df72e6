"""What the demo claims, read from the histories: activities, retries, and that nothing was recorded twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure.client import WorkflowHandle
from perdure.protocol.events import EventType

LOOKS_AT_ONCE = 50

_CLOSING = frozenset(
    {EventType.ACTIVITY_TASK_COMPLETED, EventType.ACTIVITY_TASK_FAILED, EventType.ACTIVITY_TASK_TIMED_OUT}
)


@dataclass(frozen=True)
class Recorded:
    """`activities`: those that closed. `retries`: attempts beyond the first of each. `twice`: closed more than once."""

    runs: int
    activities: int
    retries: int
    twice: int


async def read_histories(handles: Sequence[WorkflowHandle[Any, Any]]) -> Recorded:
    """Read every history, a bounded number at a time."""
    gate = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(handle: WorkflowHandle[Any, Any]) -> Recorded:
        async with gate:
            return await _read_history(handle)

    found = await asyncio.gather(*(look(handle) for handle in handles))
    return Recorded(
        len(handles),
        sum(recorded.activities for recorded in found),
        sum(recorded.retries for recorded in found),
        sum(recorded.twice for recorded in found),
    )


async def _read_history(handle: WorkflowHandle[Any, Any]) -> Recorded:
    closed: Counter[int] = Counter()
    retries = 0
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.ACTIVITY_TASK_STARTED:
            retries += event.attributes.attempt - 1
        elif event.event_type in _CLOSING:
            closed[event.attributes.scheduled_event_id] += 1
    return Recorded(1, len(closed), retries, sum(count - 1 for count in closed.values()))
