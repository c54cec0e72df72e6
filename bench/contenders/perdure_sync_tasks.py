"""The task that is an ordinary function; `perdure worker` runs it in a pool of processes."""

from __future__ import annotations

from bench import tally
from perdure import task

SYNC_TASK_QUEUE = "bench-sync"


@task(queue=SYNC_TASK_QUEUE)
def counted_sync(number: int) -> int:
    tally.record(number)
    return number
