"""The turn of a task queue, with one that is made of two small programs, on a server that is none."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence

import pytest

from bench.contenders.contender import ContenderFailed
from bench.contenders.task_peer import TaskPeer, drained, paced
from bench.measurement import Measurement
from bench.scenario import DRAIN, SCENARIOS, TASK, WAITING, Metric, Scenario
from bench.servers import Servers

MANY = Scenario("many", TASK, 1_000, 100, Metric.TASKS)

CLIENT = """
import json, sys
from bench.tally import Tally, record
does, count = sys.argv[1], int(sys.argv[2])
if does == "measure":
    Tally.of_environment().begin()
    for number in range(count): record(number)
print(json.dumps({"workflows_per_s": count, "total_s": 1.0, "p50_ms": 1.0, "p99_ms": 2.0}))
"""
WORKER = """
from bench.tally import record
for number in range({executed}):
    for _ in range({times}): record(number)
"""


class Small(TaskPeer):
    times = 1
    client_program = CLIENT

    @classmethod
    def absence(cls) -> str | None:
        return None

    def workers(self, kind: str) -> list[Sequence[str]]:
        executed = 1_000 if kind == DRAIN else 0
        return [[sys.executable, "-c", WORKER.format(executed=executed, times=self.times)]]

    def client(self, kind: str) -> Sequence[str]:
        return [sys.executable, "-c", self.client_program]


class NoServers(Servers):
    @contextlib.contextmanager
    def streams(self, number: int) -> Iterator[str]:
        yield "redis://nowhere"


SERVERS = NoServers("", "", "", "", {})


def _turn(peer: TaskPeer, scenario: Scenario) -> Measurement:
    reported: dict[str, Measurement] = {}
    peer.turn(SERVERS, [scenario], lambda scenario, measured: reported.update({scenario.name: measured}))
    return reported[scenario.name]


def test_the_client_tells_what_it_measured() -> None:
    assert _turn(Small(), MANY).workflows_per_s == 1_000  # not the warm-up's hundred


def test_a_drain_is_measured_by_what_was_executed() -> None:
    scenario = Scenario("drained", DRAIN, 1_000, 1_000, Metric.TASKS)
    assert _turn(Small(), scenario).workflows_per_s > 0


def test_a_drain_in_which_a_task_runs_twice_fails() -> None:
    class Eager(Small):
        times = 2

    with pytest.raises(ContenderFailed, match="executed more than once"):
        _turn(Eager(), Scenario("drained", DRAIN, 1_000, 1_000, Metric.TASKS))


def test_a_client_that_fails_is_quoted() -> None:
    class Broken(Small):
        client_program = "import sys; sys.exit('the result of task 3 is 4; it must be 3')"

    with pytest.raises(ContenderFailed, match="the result of task 3 is 4"):
        _turn(Broken(), MANY)


def test_a_slower_peer_is_given_fewer_tasks() -> None:
    assert (paced(MANY, 0.25).count, paced(MANY, 0.25).concurrency) == (250, 100)
    assert paced(MANY, 0.05).concurrency == 50
    alone = [scenario for scenario in SCENARIOS if scenario.concurrency == 1 or scenario.workflow == WAITING]
    assert all(paced(scenario, 0.1) == scenario for scenario in alone)


def test_a_drain_has_no_latency() -> None:
    measured = drained([number * 1_000_000 for number in range(101)])
    assert measured.workflows_per_s == pytest.approx(1_000)
    assert (measured.total_s, measured.p50_ms) == (pytest.approx(0.1), 0.0)
