"""A parent that waits for its children."""

from __future__ import annotations

import asyncio

from tests.fault.streams.scene import Scene
from tests.fault.streams.workload import LEASE_SECONDS, TASK_QUEUE, Chord

CHILDREN = 60


async def test_chord_waits_for_ever(on_valkey: Scene) -> None:
    """celery#9674, BullMQ#3362: a child that failed, or was lost with its worker, never counted; the parent waited on.

    The parent is a workflow: what became of each child is an event of its own history, and a lost worker is one of the
    things that can become of a child."""
    doomed = on_valkey.worker_process(doomed=True)
    handle = await on_valkey.client.start_workflow(Chord.run, CHILDREN, id="chord", task_queue=TASK_QUEUE)
    await on_valkey.wait_pending(CHILDREN // 3)
    doomed.kill()
    await on_valkey.worker()
    assert await asyncio.wait_for(handle.result(), 20 * LEASE_SECONDS) == (CHILDREN * 2 // 3, CHILDREN // 3)
    await on_valkey.wait_empty()
