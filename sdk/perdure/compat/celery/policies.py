"""What an engine is told about the attempts of a Celery task.

A task is tried again when it says so (`self.retry`, `autoretry_for`), as often as it allows itself: it counts, not the
engine. So the policy allows any number of attempts, every other failure is final, and the policies differ in what a
lost worker means. With `acks_late` another one has it at once; without, the task was begun, and is not begun again.
"""

from __future__ import annotations

import functools
from datetime import timedelta

from perdure.common import Priority, RetryPolicy
from perdure.tasks.options import TaskOptions

HARD_LIMIT = "TemporalTimeout:StartToClose"
LOST_WORKER = "TemporalTimeout:Heartbeat"
STOPPED_WORKER = "WorkerShutdown"
DEAD_PROCESS = "BrokenProcessPool"

PRIORITY_LAST = 9
"""Priorities go from 0 (first) to this, as Celery has them on Redis."""


@functools.lru_cache(maxsize=1024)
def options_of(
    queue: str,
    acks_late: bool,
    reject_on_worker_lost: bool,
    time_limit: float | None,
    priority: int,
    result_ttl_s: float | None,
) -> TaskOptions:
    """The options of a task. Equal ones are made once.

    Raises:
        ValueError: one is out of its range.
    """
    final = [HARD_LIMIT]
    if not acks_late:
        final += [LOST_WORKER, STOPPED_WORKER]
    if not (acks_late and reject_on_worker_lost):
        final.append(DEAD_PROCESS)
    return TaskOptions(
        queue=queue,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(seconds=100),
            non_retryable_error_types=tuple(final),
        ),
        time_limit=time_limit,
        priority=Priority(1 + priority // 2),
        result_ttl=result_ttl_s,
    )
