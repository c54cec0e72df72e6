"""arq: `async` jobs, in as many worker processes as there are processors.

Its worker asks Redis for new jobs twice a second and runs ten at once unless told otherwise; here it asks every 5 ms
and runs 1,000. A client that waits for one result asks every millisecond, not twice a second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from bench.contenders.missing_parts import missing_module
from bench.contenders.task_peer import PROCESSES, TaskPeer, python_client

APP = "bench.peers.arq_app"


class ArqRedis(TaskPeer):
    pace: ClassVar = 0.1

    @classmethod
    def absence(cls) -> str | None:
        return missing_module("arq")

    def workers(self, kind: str) -> list[Sequence[str]]:
        return [[sys.executable, "-m", APP]] * PROCESSES

    def client(self, kind: str) -> Sequence[str]:
        return python_client(APP)
