"""A campaign: a stage, a load, a schedule of faults, and then the question whether all is well.

The order: start everything; load and faults together; heal; let the load finish; look at what is at rest; stop workers,
then engines; audit the store against the outside ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from tests.chaos import census, floor
from tests.chaos.audit import Findings, Losses, audit
from tests.chaos.faults import Injector
from tests.chaos.histories import history_problems
from tests.chaos.ledger import TASKS, Books, close_ledger, count_effects, read_books, read_entries
from tests.chaos.plans import Plan, number_of, plan_of
from tests.chaos.records import Store, read_store
from tests.chaos.schedule import GAP_SECONDS_MEAN, LOSES_REDIS_DATA, NEEDS_SMALL_DISK, Fault, FaultKind, make_schedule
from tests.chaos.slot import Ending, Slot
from tests.chaos.stage import Stage, open_stage
from tests.chaos.story import story_of
from tests.chaos.task_audit import task_problems
from tests.chaos.task_load import read_deeds, task_plan_of
from tests.waiting import wait_until


@dataclass(frozen=True)
class Settings:
    """What a campaign is to be.

    Attributes:
        seconds: how long load and faults last together.
        lanes: workflows at a time of each client.
        finish_seconds: within which everything must have finished after the last fault.
        rest_seconds: how long traces of killed processes are waited for.
    """

    seed: int
    seconds: float = 600.0
    kinds: Sequence[FaultKind] = tuple(FaultKind)
    gap_seconds: float = GAP_SECONDS_MEAN
    lanes: int = 25
    finish_seconds: float = 150.0
    rest_seconds: float = 170.0


@dataclass
class Result:
    """What happened and what is wrong. All is well if `problems` is empty."""

    settings: Settings
    seconds: float = 0.0
    schedule: list[Fault] = field(default_factory=list)
    skipped: list[FaultKind] = field(default_factory=list)
    faults: Counter[FaultKind] = field(default_factory=Counter)
    missed: Counter[FaultKind] = field(default_factory=Counter)
    tasks: int = 0
    findings: Findings = field(default_factory=Findings)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    at_rest: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    stories: dict[str, str] = field(default_factory=dict)
    """Of workflows with problems, and of the slowest."""


@dataclass(frozen=True)
class Progress:
    """For whoever watches."""

    phase: str
    passed_seconds: float
    workflows: int = 0
    effects: int = 0
    faults: int = 0
    under_way: Sequence[Fault] = ()


Watch = Callable[[Progress], None]

LEASES_SECONDS = 20.0
"""What a killed worker held is taken back after its lease of 3 s, on a busy machine later; until then it is no leak."""

SLOWEST_SHOWN = 5
STORIES_MAX = 20
_LOOK_SECONDS = 0.5


def plan_for(seed: int, workflow: str) -> Plan:
    """The plan of a workflow id, as its driver made it."""
    return plan_of(seed, number_of(workflow))


async def run_campaign(settings: Settings, watch: Watch = lambda progress: None) -> Result:
    """Run a campaign on servers of its own. Nothing is left behind, however it ends."""
    result = Result(settings)
    began = time.monotonic()
    async with open_stage() as stage:
        if not stage.has_small_disks:
            result.skipped = sorted(NEEDS_SMALL_DISK & set(settings.kinds))
            settings = replace(settings, kinds=[kind for kind in settings.kinds if kind not in NEEDS_SMALL_DISK])
        result.schedule = make_schedule(settings.seed, settings.seconds, settings.kinds, settings.gap_seconds)
        try:
            await _Campaign(stage, settings, result, watch, began).run()
        finally:
            result.logs = stage.logs()
    result.seconds = time.monotonic() - began
    return result


class _Campaign:
    def __init__(self, stage: Stage, settings: Settings, result: Result, watch: Watch, began: float) -> None:
        self._stage = stage
        self._settings = settings
        self._result = result
        self._watch = watch
        self._began = began
        self._injector = Injector(stage)
        self._phase = "starting"

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._keep_watching())
            supervising = group.create_task(self._stage.supervise())
            await self._stage.start_cluster()
            self._stage.start_drivers(self._settings.seed, self._settings.lanes)
            self._phase = "load and faults"
            await self._injector.run(self._result.schedule)
            self._phase = "finishing"
            await self._finish_load()
            self._phase = "looking at what is left"
            await self._look_at_processes()
            supervising.cancel()
            await self._stop_workers()
            await self._look_at_servers()
            await self._stop(self._stage.engines)
            self._phase = "auditing"
            await self._audit()
            watching.cancel()

    async def _keep_watching(self) -> None:
        while True:
            path = self._stage.ledger_path
            effects = await asyncio.to_thread(count_effects, path)
            self._watch(
                Progress(
                    self._phase,
                    time.monotonic() - self._began,
                    sum(text.read_bytes().count(b'"ended"') for text in path.glob("*.driver.jsonl")),
                    effects,
                    len(self._injector.happened),
                    list(self._injector.under_way.values()),
                )
            )
            await asyncio.sleep(_LOOK_SECONDS)

    # The end of the load ---------------------------------------------------------------------------------------------
    async def _finish_load(self) -> None:
        """Drivers begin nothing new; they end when their last workflow has."""
        close_ledger(self._stage.ledger_path)
        drivers = self._stage.drivers
        deadline = time.monotonic() + self._settings.finish_seconds
        while any(driver.exit_status != 0 for driver in drivers):
            if time.monotonic() > deadline:
                self._problem(f"the load did not finish within {self._settings.finish_seconds:.0f} s")
                break
            await asyncio.sleep(_LOOK_SECONDS)
        for driver in drivers:
            driver.kill()

    # At rest ---------------------------------------------------------------------------------------------------------
    async def _look_at_processes(self) -> None:
        slots = [*self._stage.engines, *self._stage.workers]
        for slot in slots:
            try:
                census.ask_census(slot.clock.path)
            except OSError as error:
                self._problem(f"{slot.name} cannot be asked what it holds: {error}")

        async def all_told() -> bool:
            return all(census.read_census(slot.clock.path) is not None for slot in slots)

        with suppress(AssertionError):  # who has not told by then is found below
            await wait_until(all_told, what="what the processes hold", timeout_seconds=10)
        for slot in slots:
            held = census.read_census(slot.clock.path)
            self._result.problems += floor.look_at_process(slot.name, held)
            if held is not None:
                tasks = sum(held.tasks.values())
                self._result.at_rest[slot.name] = (
                    f"{tasks} tasks, {held.instances} instances, {held.threads} threads, {held.files} files, "
                    f"{slot.resident_bytes() / 1e6:.0f} MB after {slot.starts} starts"
                )

    async def _stop_workers(self) -> None:
        await self._stop(self._stage.workers)

    async def _stop(self, slots: Sequence[Slot]) -> None:
        """SIGTERM, at once for all; each must end well and in time."""

        async def stop(slot: Slot) -> None:
            try:
                await asyncio.to_thread(slot.stop)
            except AssertionError as error:
                self._problem(str(error)[-2000:])
            else:
                if slot.exit_status:
                    self._problem(f"{slot.name} ended with status {slot.exit_status} when it was asked to stop")

        await asyncio.gather(*(stop(slot) for slot in slots))

    async def _look_at_servers(self) -> None:
        """Wait until Redis is at its floor, or only traces are left and the time for them is over."""
        began = time.monotonic()
        rest_seconds = self._settings.rest_seconds
        while True:
            async with self._stage.redis.client() as client:
                rest = await floor.look_at_redis(client)
            passed = time.monotonic() - began
            limit = max(rest_seconds, LEASES_SECONDS) if rest.leaks else rest_seconds
            if not (rest.leaks or rest.traces) or passed > limit:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        self._result.problems += rest.leaks
        self._result.at_rest["Redis"] = f"{rest.keys} keys of {rest.keys_bytes} bytes, {len(rest.traces)} traces"
        with self._stage.postgres.session() as session:
            self._result.problems += floor.look_at_sessions(session, len(self._stage.engines))

    # Judging ---------------------------------------------------------------------------------------------------------
    async def _audit(self) -> None:
        result = self._result
        books, store = await asyncio.to_thread(self._read)
        losses = Losses(
            [
                (happened.began_at, happened.ended_at)
                for happened in self._injector.happened
                if happened.fault.kind in LOSES_REDIS_DATA
            ]
            + [(at, at) for at in self._stage.redis.began_empty_at]
        )
        result.findings = await asyncio.to_thread(audit, books, store, losses, partial(plan_for, self._settings.seed))
        result.problems += [*self._injector.failures, *result.findings.problems]
        result.problems += await asyncio.to_thread(history_problems, store)
        result.problems += await asyncio.to_thread(self._audit_tasks, store, losses)
        result.tasks = len(store.tasks)
        result.problems += [
            _told(ending) for slot in self._stage.slots for ending in slot.endings if not ending.is_legal
        ]
        result.problems += floor.unexpected_in_logs(self._stage.logs())
        result.faults = Counter(happened.fault.kind for happened in self._injector.happened)
        result.missed = self._injector.missed
        result.starts = {slot.name: slot.starts for slot in self._stage.slots}
        lasted = {
            f"{workflow} ({plan_for(self._settings.seed, workflow).kind})": round(entries[-1].at - entries[0].at, 1)
            for workflow, entries in books.entries.items()
        }
        result.kinds = Counter(str(plan_for(self._settings.seed, workflow).kind) for workflow in store.runs)
        result.slowest = dict(sorted(lasted.items(), key=lambda item: -item[1])[:SLOWEST_SHOWN])
        self._tell_stories(books, store)

    def _audit_tasks(self, store: Store, losses: Losses) -> list[str]:
        path, seed = self._stage.ledger_path, self._settings.seed
        entries, deeds = read_entries(path, TASKS), read_deeds(path)
        return [*task_problems(store.tasks, entries, deeds, losses, lambda task: task_plan_of(seed, number_of(task)))]

    def _read(self) -> tuple[Books, Store]:
        with self._stage.postgres.session() as session:
            left = session.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'perdure %'"
            ).fetchone()
            if left is not None and left[0]:
                self._problem(f"Postgres still has {left[0]} sessions of engines that have ended")
            return read_books(self._stage.ledger_path), read_store(session)

    def _tell_stories(self, books: Books, store: Store) -> None:
        named = {problem.partition(":")[0].partition(" ")[0]: 1 for problem in self._result.problems}
        named |= {slow.partition(" ")[0]: 1 for slow in self._result.slowest}
        known = [name for name in named if name in books.entries or name in store.runs]
        self._result.stories = {name: story_of(name, books, store) for name in known[:STORIES_MAX]}

    def _problem(self, text: str) -> None:
        self._result.problems.append(text)


def _told(ending: Ending) -> str:
    return (
        f"{ending.slot} ended by itself with status {ending.status} after {ending.lived_seconds} s; its last words: "
        f"{ending.last_words}"
    )
