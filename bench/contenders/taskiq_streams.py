"""Taskiq on Redis Streams: `async` tasks, `RedisStreamBroker` and `RedisAsyncResultBackend`.

Its defaults (a hundred tasks at once in a process, acknowledged when saved), with its serializer of `orjson`, on
uvloop, which it takes where it is installed. A client that waits for one result asks every millisecond, not every 200.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from bench.contenders.missing_parts import missing_module
from bench.contenders.task_peer import PROCESSES, TaskPeer, python_client

APP = "bench.peers.taskiq_app"


class TaskiqStreams(TaskPeer):
    pace: ClassVar = 0.25

    @classmethod
    def absence(cls) -> str | None:
        return missing_module("taskiq", "taskiq_redis")

    def workers(self, kind: str) -> list[Sequence[str]]:
        options = ["--workers", str(PROCESSES), "--log-level", "WARNING"]
        return [[sys.executable, "-m", "taskiq", "worker", f"{APP}:broker", *options]]

    def client(self, kind: str) -> Sequence[str]:
        return python_client(APP)
