"""What goes wrong, when, and for how long: a function of a seed.

Role: pure. Kinds are dealt like cards, so that each comes as often as the others whatever the seed, and a short
campaign has as many different ones as possible. Faults may overlap, as they do in life, but
for those of one target: a server is not stopped while it is being stopped.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """What a fault befalls; two faults of one target wait for each other."""

    ENGINE = "engine"
    WORKER = "worker"
    DRIVER = "driver"
    REDIS = "redis"
    POSTGRES = "postgres"
    CLOCK = "clock"


class FaultKind(StrEnum):
    KILL_ENGINE = "kill -9 an engine"
    KILL_WORKER = "kill -9 a worker"
    KILL_DRIVER = "kill -9 a client"
    RESTART_ENGINE = "restart an engine"
    RESTART_WORKER = "restart a worker"
    FREEZE_ENGINE = "SIGSTOP an engine"
    FREEZE_WORKER = "SIGSTOP a worker"
    FLUSHALL = "FLUSHALL"
    KILL_REDIS = "kill -9 Redis"
    RESTART_REDIS = "restart Redis with its append-only file"
    EMPTY_REDIS = "restart Redis without its append-only file"
    FREEZE_REDIS = "SIGSTOP Redis"
    FILL_REDIS_MEMORY = "Redis out of memory"
    FILL_REDIS_DISK = "disk of Redis full"
    FAIL_OVER = "failover to a lagging replica"
    CUT_REDIS = "connections to Redis cut"
    CUT_AFTER_REDIS_WRITE = "answer of Redis lost"
    SLOW_REDIS = "slow network to Redis"
    KILL_POSTGRES = "kill -9 Postgres"
    KILL_BACKEND = "kill -9 a Postgres backend"
    RESTART_POSTGRES = "restart Postgres"
    FREEZE_BACKEND = "SIGSTOP a Postgres backend"
    FILL_POSTGRES_DISK = "disk of Postgres full"
    CUT_POSTGRES = "connections to Postgres cut"
    CUT_BEFORE_COMMIT = "connection cut before COMMIT arrives"
    CUT_AFTER_COMMIT = "connection cut after COMMIT, before its answer"
    SLOW_POSTGRES = "slow network to Postgres"
    SKEW_CLOCK = "clock skew"


NEEDS_SMALL_DISK = frozenset({FaultKind.FILL_REDIS_DISK, FaultKind.FILL_POSTGRES_DISK})

LOSES_REDIS_DATA = frozenset(
    {
        FaultKind.FLUSHALL,
        FaultKind.EMPTY_REDIS,
        FaultKind.FAIL_OVER,
        FaultKind.KILL_REDIS,  # the last moment before the kill may be missing in the append-only file
        FaultKind.FILL_REDIS_DISK,  # the server goes on in memory for a second before it refuses writes
    }
)
"""After these, and after these alone, may an attempt that was delivered be delivered again."""


@dataclass(frozen=True)
class Rule:
    """`seconds`: the shortest and the longest that the fault lasts; (0, 0) for what is over at once."""

    target: Target
    seconds: tuple[float, float] = (0.0, 0.0)


RULES: dict[FaultKind, Rule] = {
    FaultKind.KILL_ENGINE: Rule(Target.ENGINE, (0.1, 8.0)),
    FaultKind.KILL_WORKER: Rule(Target.WORKER, (0.1, 6.0)),
    FaultKind.KILL_DRIVER: Rule(Target.DRIVER, (0.1, 4.0)),
    FaultKind.RESTART_ENGINE: Rule(Target.ENGINE, (0.0, 1.0)),
    FaultKind.RESTART_WORKER: Rule(Target.WORKER, (0.0, 1.0)),
    FaultKind.FREEZE_ENGINE: Rule(Target.ENGINE, (1.0, 12.0)),  # 5 s without a beat: its shards are taken
    FaultKind.FREEZE_WORKER: Rule(Target.WORKER, (1.0, 9.0)),  # the lease is 3 s
    FaultKind.FLUSHALL: Rule(Target.REDIS),
    FaultKind.KILL_REDIS: Rule(Target.REDIS, (0.0, 3.0)),
    FaultKind.RESTART_REDIS: Rule(Target.REDIS, (0.0, 3.0)),
    FaultKind.EMPTY_REDIS: Rule(Target.REDIS, (0.0, 3.0)),
    FaultKind.FREEZE_REDIS: Rule(Target.REDIS, (0.5, 8.0)),
    FaultKind.FILL_REDIS_MEMORY: Rule(Target.REDIS, (0.5, 6.0)),
    FaultKind.FILL_REDIS_DISK: Rule(Target.REDIS, (1.0, 6.0)),
    FaultKind.FAIL_OVER: Rule(Target.REDIS, (0.2, 3.0)),  # how far the replica lags
    FaultKind.CUT_REDIS: Rule(Target.REDIS),
    FaultKind.CUT_AFTER_REDIS_WRITE: Rule(Target.REDIS),
    FaultKind.SLOW_REDIS: Rule(Target.REDIS, (1.0, 6.0)),
    FaultKind.KILL_POSTGRES: Rule(Target.POSTGRES, (0.0, 3.0)),
    FaultKind.KILL_BACKEND: Rule(Target.POSTGRES),
    FaultKind.RESTART_POSTGRES: Rule(Target.POSTGRES, (0.0, 3.0)),
    FaultKind.FREEZE_BACKEND: Rule(Target.POSTGRES, (1.0, 9.0)),
    FaultKind.FILL_POSTGRES_DISK: Rule(Target.POSTGRES, (1.0, 6.0)),
    FaultKind.CUT_POSTGRES: Rule(Target.POSTGRES),
    FaultKind.CUT_BEFORE_COMMIT: Rule(Target.POSTGRES),
    FaultKind.CUT_AFTER_COMMIT: Rule(Target.POSTGRES),
    FaultKind.SLOW_POSTGRES: Rule(Target.POSTGRES, (1.0, 6.0)),
    FaultKind.SKEW_CLOCK: Rule(Target.CLOCK, (2.0, 15.0)),
}

SKEW_SECONDS_MAX = 10.0
"""Of a clock, either way. More would only make timers late or early by as much, and the campaign longer."""

GAP_SECONDS_MEAN = 2.5
"""Between the beginnings of two faults."""


@dataclass(frozen=True)
class Fault:
    """`choice` in [0, 1) picks which engine, worker, clock or backend; `strength` in [-1, 1] how much."""

    number: int
    at_seconds: float
    kind: FaultKind
    seconds: float
    choice: float
    strength: float

    @property
    def target(self) -> Target:
        return RULES[self.kind].target

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at_seconds:7.1f} s  {self.kind}{lasting}"


def make_schedule(
    seed: int, seconds: float, kinds: Sequence[FaultKind] = tuple(FaultKind), gap_seconds: float = GAP_SECONDS_MEAN
) -> list[Fault]:
    """The faults of a campaign whose load lasts `seconds`, in order of time."""
    rng = random.Random(f"faults/{seed}")
    faults: list[Fault] = []
    deck: list[FaultKind] = []
    at = gap_seconds
    while at < seconds:
        if not deck:
            deck = list(kinds)
            rng.shuffle(deck)
        kind = deck.pop()
        lasts = round(rng.uniform(*RULES[kind].seconds), 2)
        faults.append(Fault(len(faults) + 1, round(at, 2), kind, lasts, rng.random(), rng.uniform(-1, 1)))
        at += rng.uniform(0.2, 1.8) * gap_seconds
    return faults
