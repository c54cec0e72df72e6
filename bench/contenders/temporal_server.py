"""Temporal, on the server that TEMPORAL_ADDRESS names, wherever that keeps its data.

Its Python SDK in as many worker processes as the machine has processors, each 1,000 workflow tasks and 1,000 activities
at once, as Perdure's worker has, without the sandbox, which Perdure has not and which takes its share of each workflow.
The same workflows as Perdure's, from `execute_workflow` to its result. A task queue of its own each turn; what ran is
left to the retention of the namespace (TEMPORAL_NAMESPACE, `default`).
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from bench.contenders.missing_parts import missing_module
from bench.contenders.workflow_peer import PROCESSES, Running, WorkflowPeer
from bench.peers.surroundings import environment
from bench.peers.temporal_settings import ADDRESS, TASK_QUEUE
from bench.process import BenchProcess
from bench.servers import Servers


class TemporalServer(WorkflowPeer):
    module: ClassVar = "bench.peers.temporal_app"
    pace: ClassVar = 0.1

    @classmethod
    def absence(cls) -> str | None:
        if not os.environ.get(ADDRESS):
            return f"{ADDRESS} does not name a server (host:port)"
        return missing_module("temporalio")

    @contextmanager
    def running(self, servers: Servers) -> Iterator[Running]:
        told = environment(**{TASK_QUEUE: f"perdure-bench-{uuid.uuid4().hex[:12]}"})
        worker = [sys.executable, "-m", self.module]
        with ExitStack() as stack:
            processes = [BenchProcess("worker", worker, told) for _ in range(PROCESSES)]
            for process in processes:
                stack.callback(process.end)
            yield Running(processes, told)
