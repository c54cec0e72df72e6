"""Celery on Redis, with its default pool of processes: as it comes, and as it must be set not to lose tasks.

`celery` is the defaults: a task is acknowledged before it runs, and each process fetches four tasks ahead.
`celery-late` is `task_acks_late` with `worker_prefetch_multiplier = 1`, which is what comes nearest to Perdure's at
least once. Celery has no `async` tasks: its task is an ordinary function in every scenario. `delay` and
`AsyncResult.get`, results on Redis.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from bench.contenders.missing_parts import missing_module
from bench.contenders.task_peer import PROCESSES, TaskPeer, python_client
from bench.peers.celery_settings import LATE
from bench.scenario import DRAIN, SYNC, TASK, WAITING

APP = "bench.peers.celery_app"


class CeleryPrefork(TaskPeer):
    """All defaults."""

    kinds: ClassVar = frozenset({TASK, DRAIN, SYNC, WAITING})
    pace: ClassVar = 0.1

    @classmethod
    def absence(cls) -> str | None:
        return missing_module("celery")

    def workers(self, kind: str) -> list[Sequence[str]]:
        return [[sys.executable, "-m", "celery", "--app", APP, "worker", "--concurrency", str(PROCESSES)]]

    def client(self, kind: str) -> Sequence[str]:
        return python_client(APP)


class CeleryLate(CeleryPrefork):
    """Acknowledged when done, and nothing fetched ahead."""

    kinds: ClassVar = frozenset({TASK, DRAIN, SYNC})

    def settings(self) -> Mapping[str, str]:
        return {LATE: "1"}
