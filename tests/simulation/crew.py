"""The crew: the workers and the clients of a world, as programs that run in its processes.

Role: the seam between the world, which has servers, engines and faults, and the workload, which has workflows. The
world starts a worker in a slot, and another one when that is dead; it starts the clients, and waits until they have
nothing open.

Most workflows are generated ones, carried out by clients and workers of the SDK. A few are scripted ones: their worker
and their client are written by hand, and do by the protocol what the SDK avoids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from perdure_broker.memory import MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Broker, Leases
from perdure_store.memory import MemoryDatabase
from tests.simulation import generated
from tests.simulation.client import Client, random_plan
from tests.simulation.faults.plan import FAULTS_S
from tests.simulation.generated_model import GeneratedModel
from tests.simulation.ledger import Ledger
from tests.simulation.limit_plans import draw_changes, draw_limited_plan
from tests.simulation.model import Model
from tests.simulation.network import Network
from tests.simulation.operator import Operator, put_limits
from tests.simulation.plans import CLIENTS, draw_plan
from tests.simulation.process import Process
from tests.simulation.scenario import Scenario
from tests.simulation.schedule_client import ScheduleClient
from tests.simulation.schedule_plans import draw_schedule_plan
from tests.simulation.script_model import ScriptModel
from tests.simulation.sdk_client import Course, SdkClient
from tests.simulation.sdk_worker import QUEUE, SdkWorker, WorkerSettings
from tests.simulation.tap import RecordingBroker
from tests.simulation.task_client import TaskClient, TaskCourse
from tests.simulation.task_plans import draw_task_plan
from tests.simulation.wires import BrokerWire, LeasesWire
from tests.simulation.worker import Worker

MODELS: Mapping[str, Model] = {"Generated": GeneratedModel(), "scripted": ScriptModel()}
"""The model of each workflow type that the auditor may hold runs to."""

SCRIPTED_EVERY = 5
"""In worlds that have scripted workflows, one in so many is one."""

_LOAD_S = FAULTS_S * 0.8
"""Workflows are started within so many seconds."""


@dataclass
class Site:
    """What a world gives to its crew. `begin`: makes a process of a kind."""

    scenario: Scenario
    server: MemoryServer
    network: Network
    ledger: Ledger
    begin: Callable[[str, int], Process]

    def broker(self, process: Process) -> Broker:
        """The broker of a worker or client, over the network, and with the ledger listening."""
        return cast(Broker, BrokerWire(RecordingBroker(self.server, self.ledger), process, self.network))

    def leases(self, process: Process) -> Leases:
        return cast(Leases, LeasesWire(MemoryLeases(self.server), process, self.network))


def _is_scripted(scenario: Scenario, number: int) -> bool:
    has_scripted = scenario.dice("scripted").random() < 0.5
    return has_scripted and number % SCRIPTED_EVERY == SCRIPTED_EVERY - 1


def _scripted(scenario: Scenario) -> list[int]:
    return [number for number in scenario.workflows if _is_scripted(scenario, number)]


def prepare(scenario: Scenario, database: MemoryDatabase, ledger: Ledger) -> None:
    """Put into the store what is to be there before any engine is."""
    if scenario.limited:
        put_limits(database, ledger, draw_changes(scenario.dice("limits"))[0][1])


def start_worker(site: Site, process: Process, slot: int) -> SdkWorker:
    scenario = site.scenario
    dice = scenario.dice(f"worker {slot}")
    cached = dice.choice([0, 2, 1000, 1000])
    settings = WorkerSettings(
        scenario.slots,
        cached,
        dice.choice([0.0, 0.0, 0.5]),
        comes_late_s=FAULTS_S + 10 if slot == 0 else 0,
        polls_limited=bool(scenario.limited),
    )
    worker = SdkWorker(process, site.broker(process), lambda: site.leases(process), site.ledger, settings)
    worker.open()
    if slot < 2 and _scripted(scenario):
        by_hand = Worker(
            process, site.broker(process), site.server, site.ledger, "queue", scenario.slots, scenario.adopts
        )
        process.spawn(by_hand.run(), name="run")
    return worker


class Clients:
    """The clients of a world. Each workflow and each activity id has a generator of its own.

    Attributes:
        is_morning: what was to begin after the night is to be done, too.
    """

    def __init__(self, site: Site) -> None:
        generated.visits.clear()
        scenario = site.scenario
        self.is_morning = False
        self._tasks = [
            TaskCourse(draw_task_plan(number, scenario.dice(f"task {number}"), _LOAD_S, has_night=scenario.has_night))
            for number in scenario.tasks
        ]
        self._tasks += [
            TaskCourse(draw_limited_plan(number, scenario.dice(f"limited {number}"), _LOAD_S))
            for number in scenario.limited
        ]
        self._others: dict[str, str] = {}
        self._schedules = [
            draw_schedule_plan(number, scenario.dice(f"schedule {number}")) for number in scenario.schedules
        ]
        site.ledger.schedule_plans.extend(self._schedules)
        scripted = _scripted(scenario)
        self._courses = [
            Course(draw_plan(number, scenario.dice(f"workflow {number}"), _LOAD_S))
            for number in scenario.workflows
            if number not in scripted
        ]
        self._crowds: dict[str, str] = {}
        for number in range(CLIENTS):
            self._start(site, number)
        self._by_hand: Client | None = None
        if scripted:
            process = site.begin("client", CLIENTS)
            self._by_hand = Client(process, site.broker(process), site.ledger, scenario.shards)
            plans = [random_plan(number, scenario.dice(f"workflow {number}"), _LOAD_S) for number in scripted]
            self._by_hand.begin(plans)

    def _start(self, site: Site, number: int) -> None:
        process = site.begin("client", number)
        client = SdkClient(process, site.broker(process), lambda: site.leases(process), number, site.ledger)
        client.open()
        for course in self._courses:
            client.take_part(course)
        part = TaskClient(process, client.connected, number, site.ledger)
        for task in self._tasks:
            part.take_part(task)
        scheduling = ScheduleClient(process, client.connected, number, site.ledger, self._others, QUEUE)
        for schedule in self._schedules:
            scheduling.take_part(schedule)
        if number == 0:
            self._first = process, part
            if site.scenario.limited:
                operator = Operator(process, client.connected, site.ledger, self._others)
                operator.begin(draw_changes(site.scenario.dice("limits")))
        if site.scenario.has_crowd and number == 0:
            client.join_crowd(site.scenario.dice("crowd").uniform(0, _LOAD_S), self._crowds)

    @property
    def open_plans(self) -> dict[str, str]:
        """What is not done yet, by workflow id."""
        found = {course.plan.workflow_id: str(course) for course in self._courses if course.under_way} | self._crowds
        found |= self._others | {
            course.plan.activity_id: str(course)
            for course in self._tasks
            if course.under_way and (self.is_morning or not course.plan.is_of_the_night)
        }
        return found if self._by_hand is None else found | self._by_hand.open_plans

    def take_stock(self) -> None:
        """Have somebody list and count what there is; `open_plans` tells when that is done."""
        self._others["stock"] = "not taken"
        process, part = self._first

        async def take() -> None:
            await part.take_stock()
            del self._others["stock"]

        process.spawn(take(), name="stock")


def start_clients(site: Site) -> Clients:
    """They carry out the scenario's workflows."""
    return Clients(site)
