"""Dramatiq on Redis: processes of eight threads, its default.

Its actor is an ordinary function, what its guide begins with: `async` actors need a middleware that runs an event loop
beside the threads. Results by its `Results` middleware, on Redis.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from bench.contenders.missing_parts import missing_module
from bench.contenders.task_peer import PROCESSES, TaskPeer, python_client

APP = "bench.peers.dramatiq_app"


class DramatiqRedis(TaskPeer):
    pace: ClassVar = 0.25

    @classmethod
    def absence(cls) -> str | None:
        return missing_module("dramatiq")

    def workers(self, kind: str) -> list[Sequence[str]]:
        return [[sys.executable, "-m", "dramatiq", APP, "--processes", str(PROCESSES)]]

    def client(self, kind: str) -> Sequence[str]:
        return python_client(APP)
