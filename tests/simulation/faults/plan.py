"""The plan of the faults of one run: a list, drawn from the seed ahead of time, any part of which can be carried out.

Each fault says everything about itself, so that leaving one out changes no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from tests.simulation.faults.crash_points import POINTS
from tests.simulation.weather import Ill

FAULTS_S = 25.0
"""Virtual seconds in which faults happen; then everything works, and every workflow must come to its end."""

FAULTS_SURE = 6
"""So many faults of a run are of kinds that always happen: an engine may never come to the point of a trap."""

FAULTS_MIN = 8
FAULTS_MAX = 20

STOPS_S = (0.3, 2.0, 7.0, 12.0)
"""How long a stopped engine stays so: shorter and longer than others wait before they take its shards."""


SKIPS = (0, 0, 0, 0, 1, 3)
"""How many calls pass a trap before it springs."""


RARE = frozenset(
    {
        "limits: tasks not admitted yet",
        "limits: tasks admitted, and not told",
        "schedules: not kept yet",
        "schedules: kept, and not done",
        "5 released up to the backlog marks",
        "5 released up to some inbox deletes",
        "handover: not let go yet",
        "handover: let go, and not told",
        "repair: outstanding tasks read",
        "repair: published tasks read",
        "repair: what is missing read",
        "fence: the shard's owner read",
        "fence: not raised yet",
        "dispatch: the queue's term taken",
        "dispatch: backlog published, and not told",
        "dispatch: the mark not cleared yet",
        "dispatch: the mark cleared, and not told",
        "leases: lost tasks read",
        "leases: lost tasks not reported yet",
        "leases: lost tasks reported, and not told",
    }
)
"""Points that an engine seldom comes to (measured over 250 runs): they are drawn more often, and spring at once."""

RARE_WEIGHT = 3


class Kind(StrEnum):
    KILL_ENGINE = "engine killed"
    CRASH_ENGINE = "engine killed at a point"
    STOP_ENGINE = "engine stopped and woken"
    FREEZE_ENGINE = "engine stopped at a point and woken"
    RETIRE_ENGINE = "engine restarted in good order"
    SET_CLOCK = "clock of an engine set"
    CUT_ENGINE_FROM_STORE = "engine cut from the store"
    CUT_ENGINE_FROM_BROKER = "engine cut from the broker"
    KILL_WORKER = "worker killed"
    RETIRE_WORKER = "worker restarted in good order"
    STOP_WORKER = "worker stopped and woken"
    CUT_WORKER = "worker cut from the broker"
    SET_WORKER_CLOCK = "clock of a worker set"
    STOP_BROKER = "broker stopped"
    EMPTY_BROKER = "broker emptied"
    FAIL_OVER_BROKER = "broker failed over to a lagging replica"
    FILL_BROKER = "broker full"
    SET_BROKER_CLOCK = "clock of the broker set"
    STOP_STORE = "store stopped"
    STALL_BROKER = "broker stalled"
    STALL_STORE = "store stalled"
    CUT_POWER = "all engines and workers killed"
    SPELL = "spell of ill weather"


class Fault(NamedTuple):
    """Args:
    number: names it within its plan.
    at_s: when it begins, in virtual seconds.
    slot: which engine or worker it befalls.
    lasts_s: how long; 0: it is over at once.
    word: the crash point, or the kind of ill weather.
    amount: calls to skip at a crash point, seconds that a clock is set (back, for a broker that is emptied) or a
        replica lags, or the rate of a spell.
    """

    number: int
    kind: Kind
    at_s: float
    slot: int = 0
    lasts_s: float = 0.0
    word: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.at_s:.3f} s: {self.word if self.kind is Kind.SPELL else self.kind}"]
        if self.kind in _OF_ONE:
            parts.append(f"number {self.slot}")
        if self.word and self.kind is not Kind.SPELL:
            parts.append(f"at {self.word!r}")
        if self.amount:
            parts.append(f"amount {self.amount:g}")
        if self.lasts_s:
            parts.append(f"for {self.lasts_s:.2f} s")
        return ", ".join(parts)


_OF_ONE = frozenset(kind for kind in Kind if kind.name.endswith(("ENGINE", "WORKER"))) | {
    Kind.SET_CLOCK,
    Kind.CUT_ENGINE_FROM_STORE,
    Kind.CUT_ENGINE_FROM_BROKER,
    Kind.SET_WORKER_CLOCK,
}

Draw = Callable[[random.Random], tuple[float, str, float]]
"""How long a fault lasts, its word, and its amount."""


def _at_once(dice: random.Random) -> tuple[float, str, float]:
    return 0.0, "", 0.0


def _for_seconds(*choices: float) -> Draw:
    return lambda dice: (dice.choice(choices), "", 0.0)


def _point(dice: random.Random) -> tuple[str, float]:
    """A crash point, and how many calls pass it first."""
    point = dice.choices(list(POINTS), [RARE_WEIGHT if name in RARE else 1 for name in POINTS])[0]
    return point, 0.0 if point in RARE else float(dice.choice(SKIPS))


def _crash(dice: random.Random) -> tuple[float, str, float]:
    return 0.0, *_point(dice)


def _freeze(dice: random.Random) -> tuple[float, str, float]:
    return dice.choice(STOPS_S), *_point(dice)


def _set_clock(dice: random.Random) -> tuple[float, str, float]:
    return 0.0, "", round(dice.choice([-1, 1]) * dice.choice([0.05, 0.4, 3.0, 20.0]) * dice.uniform(0.5, 1), 3)


def _empty(dice: random.Random) -> tuple[float, str, float]:
    """Now and then another machine takes over, whose clock is behind: ids go back."""
    return 0.0, "", dice.choice([0.0, 0.0, 0.5, 3_600.0])


def _lag(dice: random.Random) -> tuple[float, str, float]:
    return dice.choice([0.0, 0.3]), "", dice.choice([0.002, 0.02, 0.2, 1.0])


RATES: dict[Ill, tuple[float, ...]] = {
    Ill.SLOW: (0.01, 0.05, 0.3),
    Ill.STORE_LOST: (0.02, 0.1),
    Ill.STORE_ANSWER_LOST: (0.02, 0.1),
    Ill.COMMIT_LOST: (0.05, 0.3),
    Ill.COMMIT_CONFLICT: (0.05, 0.3),
    Ill.COMMIT_UNKNOWN_LOST: (0.05, 0.3),
    Ill.COMMIT_UNKNOWN_WRITTEN: (0.05, 0.3),
    Ill.COMMIT_UNKNOWN_LATE: (0.05, 0.3),
    Ill.COMMIT_SLOW: (0.02, 0.2),
    Ill.BROKER_LOST: (0.01, 0.1),
    Ill.BROKER_ANSWER_LOST: (0.01, 0.1),
    Ill.BROKER_TWICE: (0.01, 0.1, 0.5),
    Ill.BROKER_LATE: (0.01, 0.1),
    Ill.BROKER_TORN: (0.05, 0.3),
}


def _spell(dice: random.Random) -> tuple[float, str, float]:
    ill = dice.choice(list(RATES))
    return dice.uniform(0.5, 10.0), ill.value, dice.choice(RATES[ill])


DRAWS: dict[Kind, tuple[int, Draw]] = {
    Kind.KILL_ENGINE: (2, _at_once),
    Kind.CRASH_ENGINE: (8, _crash),
    Kind.STOP_ENGINE: (2, _for_seconds(*STOPS_S)),
    Kind.FREEZE_ENGINE: (5, _freeze),
    Kind.RETIRE_ENGINE: (1, _at_once),
    Kind.SET_CLOCK: (1, _set_clock),
    Kind.CUT_ENGINE_FROM_STORE: (1, _for_seconds(1.0, 7.0, 12.0)),
    Kind.CUT_ENGINE_FROM_BROKER: (1, _for_seconds(0.5, 3.0, 7.0)),
    Kind.KILL_WORKER: (3, _for_seconds(0.1, 1.0, 4.0)),
    Kind.RETIRE_WORKER: (1, _at_once),
    Kind.STOP_WORKER: (2, _for_seconds(0.3, 3.0, 7.0)),
    Kind.CUT_WORKER: (1, _for_seconds(0.3, 3.0, 7.0)),
    Kind.SET_WORKER_CLOCK: (1, _set_clock),
    Kind.STOP_BROKER: (1, _for_seconds(0.1, 1.0, 5.0)),
    Kind.EMPTY_BROKER: (1, _empty),
    Kind.FAIL_OVER_BROKER: (1, _lag),
    Kind.FILL_BROKER: (1, _for_seconds(0.2, 1.0, 3.0)),
    Kind.SET_BROKER_CLOCK: (1, lambda dice: (0.0, "", dice.choice([-1.0, -0.05, 0.5, 1.5]))),
    Kind.STOP_STORE: (1, _for_seconds(0.1, 1.0, 5.0)),
    Kind.STALL_BROKER: (1, _for_seconds(0.3, 1.5, 4.0, 8.0)),
    Kind.STALL_STORE: (1, _for_seconds(0.3, 3.0, 9.0)),
    Kind.CUT_POWER: (1, _for_seconds(0.1, 1.0, 4.0)),
    Kind.SPELL: (6, _spell),
}
"""How often each kind is drawn, compared with the others, and how."""


def draw_plan(dice: random.Random, engines: int, workers: int) -> tuple[Fault, ...]:
    """The faults of a run, in order of time."""
    weights = {kind: weight for kind, (weight, _) in DRAWS.items()}
    sure = {kind: 0 if kind in (Kind.CRASH_ENGINE, Kind.FREEZE_ENGINE) else weight for kind, weight in weights.items()}
    others = dice.randint(FAULTS_MIN, FAULTS_MAX) - FAULTS_SURE
    faults = []
    for kind in (
        *dice.choices(list(sure), list(sure.values()), k=FAULTS_SURE),
        *dice.choices(list(weights), list(weights.values()), k=others),
    ):
        lasts_s, word, amount = DRAWS[kind][1](dice)
        slot = dice.randrange(workers if "WORKER" in kind.name else engines)
        faults.append((round(dice.uniform(0.2, FAULTS_S), 3), kind, slot, lasts_s, word, amount))
    return tuple(
        Fault(number, kind, at_s, slot, lasts_s, word, amount)
        for number, (at_s, kind, slot, lasts_s, word, amount) in enumerate(sorted(faults))
    )
