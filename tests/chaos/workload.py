"""The workflows and activities of the load: one workflow type for each kind of plan.

Role: what users write. Every activity writes to the outside ledger before it does anything else, so that the audit can
compare what happened with what was recorded.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from perdure import activity, workflow
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError
from tests.chaos.ledger import effect
from tests.chaos.plans import Kind, Plan, services_of

TASK_QUEUE = "chaos"

TIMEOUT = timedelta(seconds=20)
"""Of one attempt: well above the longest activity and the longest pause of a process."""

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=2))
AT_MOST_ONCE = RetryPolicy(maximum_attempts=1)
A_DAY_SECONDS = 86_400


# Activities ----------------------------------------------------------------------------------------------------------
@activity.defn
async def work(seconds: float, answer: str) -> str:
    effect()
    await asyncio.sleep(seconds)
    return answer


@activity.defn
async def fail_at_first(failures: int) -> int:
    effect()
    attempt = activity.info().attempt
    if attempt <= failures:
        raise ApplicationError(f"attempt {attempt} of {failures} that are to fail", type="Flaky")
    return attempt


@activity.defn
async def count_steps(steps: int, seconds: float) -> int:
    """Goes on after the step that the last heartbeat told of."""
    effect()
    details = activity.info().heartbeat_details
    first = details[0] if details else 0
    effect(f"resume {first}")
    for step in range(first, steps):
        effect(f"step {step}")
        await asyncio.sleep(seconds)
        activity.heartbeat(step + 1)
    return steps


@activity.defn
def block(seconds: float) -> str:
    """Runs in a thread."""
    effect()
    time.sleep(seconds)
    return "done"


@activity.defn
async def add(number: int) -> int:
    effect()
    return number


@activity.defn
async def book(service: str, number: int, refused: bool) -> str:
    effect()
    if refused:
        raise ApplicationError(f"no {service} left", type="SoldOut", non_retryable=True)
    return f"{service}-{number}"


@activity.defn
async def undo(reference: str) -> None:
    effect()
    effect(f"undone {reference}")


@activity.defn
async def charge(seconds: float) -> str:
    """What must never happen twice."""
    effect()
    await asyncio.sleep(seconds)
    return "charged"


@activity.defn
async def wait_for_cancellation() -> None:
    effect()
    while True:
        activity.heartbeat()
        await asyncio.sleep(1)


@activity.defn
async def clean_up() -> None:
    effect()


# Workflows -----------------------------------------------------------------------------------------------------------
@workflow.defn
class Agent:
    @workflow.run
    async def run(self, plan: Plan) -> str:
        question = str(plan.number)
        for words in ("context of", "answer to", ""):
            answer = f"{words} {question}".strip()
            question = await workflow.execute_activity(
                work, args=[plan.seconds, answer], start_to_close_timeout=TIMEOUT
            )
        return question


@workflow.defn
class Retry:
    @workflow.run
    async def run(self, plan: Plan) -> int:
        return await workflow.execute_activity(
            fail_at_first, plan.size, start_to_close_timeout=TIMEOUT, retry_policy=QUICK
        )


@workflow.defn
class Timers:
    """Sleeps in a row and at once, and a timer that is cancelled."""

    @workflow.run
    async def run(self, plan: Plan) -> int:
        alarm = asyncio.create_task(asyncio.sleep(A_DAY_SECONDS))
        await asyncio.gather(*(asyncio.sleep(plan.seconds * step / plan.size) for step in range(plan.size)))
        alarm.cancel()
        slept = 0
        for _ in range(plan.size):
            began = workflow.time()
            await asyncio.sleep(plan.seconds)
            if workflow.time() - began < plan.seconds - 0.001:
                raise ApplicationError(f"a timer of {plan.seconds} s fired after {workflow.time() - began} s")
            slept += 1
        return slept


@workflow.defn
class Beats:
    @workflow.run
    async def run(self, plan: Plan) -> int:
        return await workflow.execute_activity(
            count_steps,
            args=[plan.size, plan.seconds],
            start_to_close_timeout=TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=QUICK,
        )


@workflow.defn
class Long:
    """An activity that takes longer than its lease and never says a word."""

    @workflow.run
    async def run(self, plan: Plan) -> str:
        return await workflow.execute_activity(work, args=[plan.seconds, "done"], start_to_close_timeout=TIMEOUT)


@workflow.defn
class Blocking:
    @workflow.run
    async def run(self, plan: Plan) -> str:
        return await workflow.execute_activity(block, plan.seconds, start_to_close_timeout=TIMEOUT)


@workflow.defn
class Basket:
    """Waits for signals, answers queries."""

    def __init__(self) -> None:
        self._items: list[int] = []

    @workflow.run
    async def run(self, plan: Plan) -> list[int]:
        await workflow.wait_condition(lambda: len(set(self._items)) >= plan.size)
        await workflow.execute_activity(work, args=[plan.seconds, "paid"], start_to_close_timeout=TIMEOUT)
        return self._items

    @workflow.signal
    def put(self, item: int) -> None:
        self._items.append(item)

    @workflow.query
    def items(self) -> list[int]:
        return self._items


@workflow.defn
class Cancelled:
    """Runs until it is cancelled, and cleans up."""

    @workflow.run
    async def run(self, plan: Plan) -> None:
        try:
            await workflow.execute_activity(
                wait_for_cancellation,
                start_to_close_timeout=timedelta(seconds=A_DAY_SECONDS),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        except (asyncio.CancelledError, ActivityError) as error:
            if workflow.cancellation_reason() is None:
                raise
            await workflow.execute_activity(clean_up, start_to_close_timeout=TIMEOUT)
            raise asyncio.CancelledError from error  # also when the activity lost its worker while it was cancelled


@workflow.defn
class Saga:
    @workflow.run
    async def run(self, plan: Plan) -> dict[str, list[str]]:
        booked: list[str] = []
        services = services_of(plan)
        try:
            for service in services:
                refused = plan.fails and service == services[-1]
                booked.append(
                    await workflow.execute_activity(
                        book, args=[service, plan.number, refused], start_to_close_timeout=TIMEOUT, retry_policy=QUICK
                    )
                )
        except ActivityError:
            undone = list(reversed(booked))
            for reference in undone:
                await workflow.execute_activity(undo, reference, start_to_close_timeout=TIMEOUT)
            return {"undone": undone}
        return {"booked": booked}


@workflow.defn
class FanOut:
    @workflow.run
    async def run(self, plan: Plan) -> int:
        numbers = await asyncio.gather(
            *(workflow.execute_activity(add, number, start_to_close_timeout=TIMEOUT) for number in range(plan.size))
        )
        return sum(numbers)


@workflow.defn
class Once:
    """What is attempted once may fail; it then finds out by another way, here not at all."""

    @workflow.run
    async def run(self, plan: Plan) -> str:
        try:
            return await workflow.execute_activity(
                charge, plan.seconds, start_to_close_timeout=TIMEOUT, retry_policy=AT_MOST_ONCE
            )
        except ActivityError:
            return "unknown"


WORKFLOWS = {
    Kind.AGENT: Agent,
    Kind.RETRY: Retry,
    Kind.TIMERS: Timers,
    Kind.BEATS: Beats,
    Kind.LONG: Long,
    Kind.BLOCKING: Blocking,
    Kind.BASKET: Basket,
    Kind.CANCELLED: Cancelled,
    Kind.SAGA: Saga,
    Kind.FAN_OUT: FanOut,
    Kind.ONCE: Once,
}

ACTIVITIES = (
    work,
    fail_at_first,
    count_steps,
    block,
    add,
    book,
    undo,
    charge,
    wait_for_cancellation,
    clean_up,
)
