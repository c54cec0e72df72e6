"""What each workflow of the load is to do, as a function of a seed and its number, and how it must end.

Role: pure. Drivers, workers and the audit make the same plans from the same numbers, so that nothing has to be
remembered but what really happened.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """One workflow type each; see `workload`."""

    AGENT = "Agent"
    RETRY = "Retry"
    TIMERS = "Timers"
    BEATS = "Beats"
    LONG = "Long"
    BLOCKING = "Blocking"
    BASKET = "Basket"
    CANCELLED = "Cancelled"
    SAGA = "Saga"
    FAN_OUT = "FanOut"
    ONCE = "Once"


_SHARES = {
    Kind.AGENT: 26,
    Kind.RETRY: 10,
    Kind.TIMERS: 10,
    Kind.BEATS: 6,
    Kind.LONG: 5,
    Kind.BLOCKING: 3,
    Kind.BASKET: 12,
    Kind.CANCELLED: 8,
    Kind.SAGA: 10,
    Kind.FAN_OUT: 2,
    Kind.ONCE: 8,
}
"""Of a hundred workflows."""

SERVICES = ("flight", "hotel", "car", "dinner")


@dataclass(frozen=True)
class Plan:
    """The argument of a workflow.

    Attributes:
        size: how many steps, items, bookings, activities or failures; what it counts depends on the kind.
        seconds: how long a step, a timer or the time until a cancellation is.
        fails: the saga's last booking is refused for good.
    """

    number: int
    kind: Kind
    size: int
    seconds: float
    fails: bool = False


def plan_of(seed: int, number: int) -> Plan:
    """The plan of workflow `number`."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    size = {
        Kind.RETRY: rng.randint(1, 3),
        Kind.TIMERS: rng.randint(2, 4),
        Kind.BEATS: rng.randint(4, 12),
        Kind.BASKET: rng.randint(2, 6),
        Kind.SAGA: rng.randint(2, len(SERVICES)),
        Kind.FAN_OUT: rng.randint(20, 150),
    }.get(kind, 3)
    seconds = {
        Kind.TIMERS: rng.uniform(0.1, 2.0),
        Kind.BEATS: rng.uniform(0.1, 0.6),
        Kind.LONG: rng.uniform(2.0, 8.0),
        Kind.BLOCKING: rng.uniform(0.5, 5.0),
        Kind.CANCELLED: rng.uniform(0.0, 3.0),
        Kind.ONCE: rng.uniform(0.01, 1.0),
    }.get(kind, rng.choice([0.001, 0.02, 0.05, 0.3]))
    return Plan(number, kind, size, round(seconds, 3), fails=rng.random() < 0.5)


def number_of(id: str) -> int:
    """Of a workflow, or of a task, by its id."""
    return int(id.rpartition("-")[2])


def services_of(plan: Plan) -> list[str]:
    """What a saga books, in order; the last one is refused if the plan fails."""
    return list(SERVICES[: plan.size])


def status_of(plan: Plan) -> str:
    """How the workflow must end."""
    return "CANCELED" if plan.kind is Kind.CANCELLED else "COMPLETED"


def wrong_result(plan: Plan, result: Any) -> str:
    """What is wrong with the result of a completed workflow; empty if nothing is."""
    expected = _expected(plan)
    if expected is not None:
        return "" if result == expected else f"returned {result!r}, not {expected!r}"
    if plan.kind is Kind.RETRY:
        return "" if result > plan.size else f"attempt {result} was to fail and is said to have succeeded"
    if plan.kind is Kind.ONCE:
        return "" if result in ("charged", "unknown") else f"returned {result!r}"
    assert plan.kind is Kind.BASKET
    wanted = set(range(plan.size))
    return "" if set(result) == wanted else f"holds {result!r}, not each of {sorted(wanted)}"


def _expected(plan: Plan) -> Any:
    """The one possible result, or None where there are several."""
    match plan.kind:
        case Kind.AGENT:
            return f"answer to context of {plan.number}"
        case Kind.TIMERS | Kind.BEATS:
            return plan.size
        case Kind.LONG | Kind.BLOCKING:
            return "done"
        case Kind.SAGA:
            booked = [f"{service}-{plan.number}" for service in services_of(plan)]
            return {"undone": booked[-2::-1]} if plan.fails else {"booked": booked}
        case Kind.FAN_OUT:
            return plan.size * (plan.size - 1) // 2
        case _:
            return None
