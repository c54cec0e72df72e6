"""BullMQ on Node: `async` processors, in as many worker processes as there are processors, each a hundred jobs at once.

`queue.add` for each job, on a connection of ioredis; `addBulk` where a queue is filled beforehand. Jobs are kept when
they are completed, its default, and their results with them; a client that waits for one is told by `QueueEvents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bench.contenders.missing_parts import NODE_FOLDER, missing_node_package
from bench.contenders.task_peer import PROCESSES, TaskPeer
from bench.scenario import DRAIN, TASK, WAITING

JOBS_AT_ONCE = 100


class BullmqNode(TaskPeer):
    kinds: ClassVar = frozenset({TASK, DRAIN, WAITING})

    @classmethod
    def absence(cls) -> str | None:
        return missing_node_package("bullmq", "ioredis")

    def workers(self, kind: str) -> list[Sequence[str]]:
        return [["node", str(NODE_FOLDER / "bullmq_worker.js"), str(JOBS_AT_ONCE)]] * PROCESSES

    def client(self, kind: str) -> Sequence[str]:
        return ["node", str(NODE_FOLDER / "bullmq_client.js")]
