"""What a client of the SDK does about schedules, and the workflow that they start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from perdure import workflow
from perdure.client import (
    Client,
    Schedule,
    ScheduleActionStartActivity,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from perdure.service import RPCError, RPCStatusCode
from tests.simulation.ledger import Ledger, Told
from tests.simulation.process import EPOCH_US, Process
from tests.simulation.rules import Rule
from tests.simulation.schedule_plans import BACKFILL_S, END_S, REPLACES, ScheduleAct, SchedulePlan

PATIENCE = timedelta(hours=1)
AGAIN_S = 0.5


@workflow.defn
class Scheduled:
    """Takes as long as it is told."""

    @workflow.run
    async def run(self, takes_ms: int) -> str:
        await asyncio.sleep(takes_ms / 1000)
        return "done"


class ScheduleClient:
    """Args:
    client: that of the process, once it is connected.
    number: which of the clients this is.
    open_plans: where it stands what is not done yet.
    """

    def __init__(
        self,
        process: Process,
        client: asyncio.Future[Client],
        number: int,
        ledger: Ledger,
        open_plans: dict[str, str],
        task_queue: str,
    ) -> None:
        self._process = process
        self._client = client
        self._number = number
        self._ledger = ledger
        self._open_plans = open_plans
        self._task_queue = task_queue

    def take_part(self, plan: SchedulePlan) -> None:
        """Do what a plan has for this client."""
        if plan.client == self._number:
            self._begin(plan, "create", plan.create_at_s, partial(self._create, plan))
            self._begin(plan, "end", END_S + 1.0, self._connected)
        for index, act in enumerate(plan.acts):
            if act.client == self._number:
                self._begin(plan, f"{act.kind} {index}", act.at_s, partial(self._act, plan, act))

    def _begin(self, plan: SchedulePlan, name: str, at_s: float, part: Callable[[], Awaitable[None]]) -> None:
        key = f"{plan.schedule_id}: {name}"
        self._open_plans[key] = "not done"

        async def see_through() -> None:
            await self._process.sleep(at_s)
            await self._client
            await part()
            del self._open_plans[key]

        self._process.spawn(see_through(), name=key)

    async def _connected(self) -> None:
        await self._client

    async def _create(self, plan: SchedulePlan) -> None:
        schedule = Schedule(
            self._action(plan),
            _spec(plan),
            SchedulePolicy(plan.overlap, None if plan.catchup_s is None else timedelta(seconds=plan.catchup_s)),
            ScheduleState(limited_actions=plan.remaining > 0, remaining_actions=plan.remaining),
        )
        create = self._client.result().create_schedule(
            plan.schedule_id, schedule, trigger_immediately=plan.triggers, rpc_timeout=PATIENCE
        )
        await self._tell(plan, "create", create)

    def _action(self, plan: SchedulePlan) -> Any:
        if plan.starts_workflow:
            return ScheduleActionStartWorkflow(
                Scheduled.run, plan.takes_ms, id=plan.action_id, task_queue=self._task_queue
            )
        spec = {"kind": "plain", "ms": plan.takes_ms}
        return ScheduleActionStartActivity(
            "work",
            args=[plan.action_id, spec],
            id=plan.action_id,
            task_queue=self._task_queue,
            start_to_close_timeout=timedelta(seconds=20),
        )

    async def _tell(self, plan: SchedulePlan, kind: str, call: Awaitable[Any]) -> None:
        """Do something, and write down when it was asked for, and when it was acknowledged."""
        begin_s = self._process.monotonic()
        told = self._ledger.schedules.setdefault(plan.schedule_id, {}).setdefault(kind, [])
        place = len(told)
        told.append(Told(begin_s, None))
        await call
        told[place] = Told(begin_s, self._process.monotonic())

    async def _act(self, plan: SchedulePlan, act: ScheduleAct) -> None:
        while True:
            try:
                await getattr(self, f"_{act.kind}")(plan, act)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    text = f"{plan.schedule_id}: {act.kind} was answered with {error!r}"
                    self._ledger.violation(text, Rule.UNEXPECTED)
                    return
                await self._process.sleep(AGAIN_S)  # it was earlier than the creation
            else:
                return

    def _handle(self, plan: SchedulePlan) -> ScheduleHandle:
        return self._client.result().get_schedule_handle(plan.schedule_id)

    async def _trigger(self, plan: SchedulePlan, act: ScheduleAct) -> None:
        await self._tell(plan, "trigger", self._handle(plan).trigger(rpc_timeout=PATIENCE))

    async def _pause(self, plan: SchedulePlan, act: ScheduleAct) -> None:
        await self._tell(plan, "pause", self._handle(plan).pause(note="a while", rpc_timeout=PATIENCE))
        await self._process.sleep(act.lasts_s)
        await self._tell(plan, "unpause", self._handle(plan).unpause(rpc_timeout=PATIENCE))

    async def _backfill(self, plan: SchedulePlan, act: ScheduleAct) -> None:
        """Not one after another where the actions of the schedule itself take the place of what waits."""
        waits = act.lasts_s < 1 and plan.overlap not in REPLACES
        overlap = ScheduleOverlapPolicy.BUFFER_ALL if waits else ScheduleOverlapPolicy.ALLOW_ALL
        backfill = ScheduleBackfill(_time(BACKFILL_S[0]), _time(BACKFILL_S[1]), overlap)
        await self._tell(plan, "backfill", self._handle(plan).backfill(backfill, rpc_timeout=PATIENCE))

    async def _describe(self, plan: SchedulePlan, act: ScheduleAct) -> None:
        described = await self._handle(plan).describe(rpc_timeout=PATIENCE)
        if described.id != plan.schedule_id:
            self._ledger.violation(f"the description of {plan.schedule_id} is that of {described.id}", Rule.UNEXPECTED)


def _spec(plan: SchedulePlan) -> ScheduleSpec:
    form, every, rest = plan.due
    spec = ScheduleSpec(end_at=_time(END_S), jitter=timedelta(seconds=plan.jitter_s) if plan.jitter_s else None)
    if form == "interval":
        spec.intervals = [ScheduleIntervalSpec(timedelta(seconds=every), timedelta(seconds=rest))]
    elif form == "calendar":
        always = [ScheduleRange(0, 59)]
        second = [ScheduleRange(rest, 59, every)]
        spec.calendars = [ScheduleCalendarSpec(second=second, minute=always, hour=[ScheduleRange(0, 23)])]
    else:
        spec.cron_expressions = [f"{rest}-59/{every} * * * * * *"]
    return spec


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(EPOCH_US / 1_000_000 + at_s, UTC)
