"""Activities: in a row, at once, tried again, failed, cancelled, with every option."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from perdure import activity, workflow
from perdure.common import Priority, RetryPolicy
from perdure.exceptions import ActivityError
from tests.golden.catalogue.tale import ONCE, SHORT, Tale, broken, cancel, double, step, unsure


@dataclass
class Order:
    item: str
    count: int


@activity.defn
async def endless(beats: bool) -> None:
    """Runs until it is cancelled."""
    while True:
        if beats:
            activity.heartbeat("alive")
        await asyncio.sleep(0.01)


@activity.defn
async def pack_order(order: Order, fragile: bool = False) -> Order:
    return Order(f"{order.item}{'!' if fragile else ''}", order.count)


@workflow.defn(name="steps-in-a-row")
class StepsInARow:
    @workflow.run
    async def run(self, names: list[str]) -> list[str]:
        done = []
        for name in names:
            done.append(await workflow.execute_activity(step, name, start_to_close_timeout=SHORT))
        return done


@workflow.defn(name="order-steps")
class OrderSteps:
    @workflow.run
    async def run(self) -> str:
        taken = await workflow.execute_activity(step, "take", start_to_close_timeout=SHORT)
        packed = await workflow.execute_activity(pack_order, Order(taken, 2), start_to_close_timeout=SHORT)
        doubled = await workflow.execute_activity(double, packed.count, start_to_close_timeout=SHORT)
        return f"{packed.item} {doubled}"


@workflow.defn(name="steps-at-once")
class StepsAtOnce:
    @workflow.run
    async def run(self, count: int) -> int:
        steps = [workflow.start_activity(double, number, start_to_close_timeout=SHORT) for number in range(count)]
        return sum([await one for one in steps])


@workflow.defn(name="tried-again")
class TriedAgain:
    @workflow.run
    async def run(self, fails: int, coefficient: float) -> int:
        policy = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=coefficient)
        return await workflow.execute_activity(unsure, fails, start_to_close_timeout=SHORT, retry_policy=policy)


@workflow.defn(name="plan-b")
class PlanB:
    @workflow.run
    async def run(self, kind: str) -> str:
        try:
            await workflow.execute_activity(broken, kind, start_to_close_timeout=SHORT)
        except ActivityError as error:
            return await workflow.execute_activity(step, str(error.cause), start_to_close_timeout=SHORT)
        return "unreachable"


@workflow.defn(name="gives-up")
class GivesUp:
    @workflow.run
    async def run(self, fails: int) -> int:
        policy = RetryPolicy(maximum_attempts=2)
        return await workflow.execute_activity(unsure, fails, start_to_close_timeout=SHORT, retry_policy=policy)


@workflow.defn(name="called-off")
class CalledOff:
    @workflow.run
    async def run(self, cancellation_type: int, beats: bool) -> str:
        endless_one = workflow.start_activity(
            endless,
            beats,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=SHORT if beats else None,
            cancellation_type=workflow.ActivityCancellationType(cancellation_type),
            retry_policy=ONCE,
        )
        await workflow.sleep(1)
        endless_one.cancel()
        try:
            await endless_one
        except ActivityError:
            return await workflow.execute_activity(step, "after", start_to_close_timeout=SHORT)
        return "unreachable"


@workflow.defn(name="every-option")
class EveryOption:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            "step",
            "named",
            result_type=str,
            activity_id="by-hand",
            schedule_to_close_timeout=timedelta(minutes=5),
            schedule_to_start_timeout=timedelta(minutes=1),
            start_to_close_timeout=SHORT,
            heartbeat_timeout=SHORT,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=2), maximum_attempts=3, non_retryable_error_types=["Fatal"]
            ),
            summary="one with everything",
            priority=Priority(priority_key=2),
        )


@workflow.defn(name="too-slow")
class TooSlow:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_activity(
                endless, False, start_to_close_timeout=timedelta(seconds=0.2), retry_policy=ONCE
            )
        except ActivityError as error:
            return type(error.cause).__name__
        return "unreachable"


WORKFLOWS = (
    StepsInARow, OrderSteps, StepsAtOnce, TriedAgain, PlanB, GivesUp, CalledOff, EveryOption, TooSlow,
)  # fmt: skip
ACTIVITIES = (endless, pack_order)
TALES = (
    *(Tale(f"steps-in-a-row-{count}", StepsInARow, (list("abcdefgh"[:count]),)) for count in (0, 1, 2, 5)),
    Tale("order-steps", OrderSteps),
    *(Tale(f"steps-at-once-{count}", StepsAtOnce, (count,)) for count in (1, 2, 7)),
    *(Tale(f"tried-again-{fails}", TriedAgain, (fails, 1.0 + fails)) for fails in (1, 2, 3)),
    *(Tale(f"plan-b-{kind.lower()}", PlanB, (kind,)) for kind in ("Odd", "Sold")),
    *(Tale(f"gives-up-{fails}", GivesUp, (fails,)) for fails in (1, 2)),
    *(Tale(f"called-off-{kind}-{beats}", CalledOff, (kind, beats)) for kind in (0, 1, 2) for beats in (True, False)),
    Tale("called-off-cancelled", CalledOff, (0, True), cancel),
    Tale("every-option", EveryOption),
    Tale("too-slow", TooSlow),
)
