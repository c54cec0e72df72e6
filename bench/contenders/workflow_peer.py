"""A workflow engine, in its turn.

The same for all of them: the workflows of `bench.contenders.perdure_workflows` in the peer's own words, a step that
does nothing where they have an activity; as many processes that execute workflows as the machine has processors, where
Perdure has one worker; and fewer workflows for a peer that is slower (`pace`), since a rate does not depend on their
number. Each result is compared.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import ClassVar

from bench.contenders.client_dialogue import dialogue
from bench.contenders.contender import Contender, Report
from bench.measurement import Measurement, Memory
from bench.peers.workflow_client import READY
from bench.process import BenchProcess
from bench.scenario import Metric, Scenario
from bench.servers import Servers

PROCESSES = os.cpu_count() or 1
WORKFLOWS_MIN = 20


@dataclasses.dataclass
class Running:
    """What a turn began: processes, and the environment of its clients."""

    processes: list[BenchProcess]
    told: Mapping[str, str]


class WorkflowPeer(Contender):
    """Each scenario has clients of its own, on what `running` began for the turn."""

    kinds: ClassVar = frozenset({"one", "ten", "fan"})
    pace: ClassVar[float] = 1.0
    """Share of a scenario's workflows that it is given."""

    module: ClassVar[str]
    """Of `bench.peers`, with its `Driver`."""

    client_processes: ClassVar[int] = 1
    """Clients that share what is done at once; more than one where workflows run in the client's own process."""

    @abstractmethod
    def running(self, servers: Servers) -> AbstractContextManager[Running]:
        """What the turn needs, started."""

    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        with self.running(servers) as running:
            for scenario in scenarios:
                report(scenario, self._measured(paced(scenario, self.pace), running))
        return None

    def _measured(self, scenario: Scenario, running: Running) -> Measurement:
        clients = self.client_processes if scenario.concurrency > 1 else 1
        command = [sys.executable, "-m", "bench.peers.workflow_client", self.module, scenario.workflow]
        command += [str(scenario.warm_up().count // clients), str(scenario.count // clients)]
        command += [str(scenario.concurrency // clients), str(scenario.argument)]
        with ExitStack() as stack:
            begun = [stack.enter_context(dialogue(command, running.told, running.processes)) for _ in range(clients)]
            for client in begun:
                client.expect(READY)
            for client in begun:
                client.tell("go")
            return together([Measurement(**json.loads(client.expect("{"))) for client in begun])


def paced(scenario: Scenario, pace: float) -> Scenario:
    """What a peer that is slower is given of workflows that run many at once. A fan-out is the same for all."""
    if scenario.metric is not Metric.THROUGHPUT:
        return scenario
    count = max(WORKFLOWS_MIN, int(scenario.count * pace))
    return dataclasses.replace(scenario, count=count, concurrency=min(scenario.concurrency, count))


def together(parts: Sequence[Measurement]) -> Measurement:
    """What clients that began together measured: their rates add up, their latencies are those of the slowest."""
    return Measurement(
        workflows_per_s=sum(part.workflows_per_s for part in parts),
        total_s=max(part.total_s for part in parts),
        p50_ms=max(part.p50_ms for part in parts),
        p99_ms=max(part.p99_ms for part in parts),
    )
