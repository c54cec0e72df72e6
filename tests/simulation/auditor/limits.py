"""Rules about the task queue under limits: what entered its stream, and how much of it was out at a time.

A rule holds while one setting alone can be in force: a change is known to all engines a while after it was made, and
what the broker lost it has to be told again.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from perdure.protocol.tasks import parse_member
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.ledger import Published
from tests.simulation.limit_plans import KNOWN_AFTER_S, KNOWN_SOON_S, QueueLimits
from tests.simulation.rules import Finding, Rule

LATE_S = 0.15
"""A dispatcher that comes late may take what came meanwhile, up to this."""

TICK_S = 0.001
"""The server's clock counts milliseconds."""

LOST_S = 30.0
"""So long after a loss the broker may not know all that is out."""


class Era(NamedTuple):
    """Limits that alone are in force from one moment on until another."""

    begin_s: float
    end_s: float
    limits: QueueLimits


def _eras(evidence: Evidence) -> Iterator[Era]:
    changes = evidence.ledger.limits
    known_after_s = KNOWN_AFTER_S if evidence.ledger.has_faults else KNOWN_SOON_S
    for place, change in enumerate(changes):
        end_s = changes[place + 1].begin_s if place + 1 < len(changes) else math.inf
        if change.end_s is not None:
            yield Era(change.end_s + known_after_s if place else 0.0, end_s, change.limits)


class Entered(NamedTuple):
    """A task entered the stream."""

    at_s: float
    key: str
    cost: int
    member: str


def _entered(evidence: Evidence, era: Era) -> list[Entered]:
    return [
        Entered(published.server_ms / 1000, *_key_and_cost(evidence, member), member)
        for published in evidence.ledger.published
        if era.begin_s <= published.at_s < era.end_s
        for member in published.members
    ]


def _key_and_cost(evidence: Evidence, member: str) -> tuple[str, int]:
    """As its start says."""
    run_id, number, _ = parse_member(member)
    execution = evidence.tasks.executions.get((run_id, number))
    fairness = execution.ask.request.options.fairness if execution is not None and execution.ask is not None else None
    return ("", 1) if fairness is None else (fairness.key, fairness.cost)


def check_rates(evidence: Evidence) -> Iterator[Finding]:
    for era in _eras(evidence):
        limits = era.limits
        if limits.is_paused or _is_disturbed(evidence, era.begin_s, era.end_s):
            continue
        entered = _entered(evidence, era)
        if limits.rate:
            yield from _too_fast("the queue", entered, limits.rate, limits.burst)
        if limits.key_rate:
            by_key: dict[str, list[Entered]] = defaultdict(list)
            for each in entered:
                by_key[each.key].append(each)
            by_key.pop("", None)
            for key, of_key in by_key.items():
                yield from _too_fast(f"key {key}", of_key, limits.key_rate, limits.key_burst)


def _is_disturbed(evidence: Evidence, begin_s: float, end_s: float) -> bool:
    """Whether the broker lost its buckets then, or had another idea of time."""
    return any(begin_s <= at_s <= end_s for at_s in (*evidence.ledger.losses_s, *evidence.ledger.broker_jumps_s))


def _too_fast(name: str, entered: list[Entered], rate: float, burst: int) -> Iterator[Finding]:
    for first, begin in enumerate(entered):
        cost = 0
        for each in entered[first:]:
            # What costs more than the bucket holds goes when it is full, and leaves it in debt.
            allowed = burst + rate * (each.at_s - begin.at_s + LATE_S + TICK_S) + max(0, each.cost - burst)
            cost += each.cost
            if cost > allowed + 1e-6:
                text = (
                    f"{name}: from {begin.at_s:.3f} to {each.at_s:.3f} {cost} units entered, allowed are {allowed:.2f}"
                )
                yield Finding(Rule.RATE, text)
                return


def check_concurrency(evidence: Evidence) -> Iterator[Finding]:
    for era in _eras(evidence):
        for published in evidence.ledger.published:
            at_s = published.at_s
            is_known = era.begin_s <= at_s < era.end_s and not evidence.ledger.has_lost_since(at_s - LOST_S, at_s)
            if is_known:
                yield from _too_many(evidence, era.limits, published)


def _too_many(evidence: Evidence, limits: QueueLimits, published: Published) -> Iterator[Finding]:
    if limits.concurrency and len(published.out) > limits.concurrency:
        text = f"at {published.at_s:.3f} {sorted(published.out)} are out; allowed are {limits.concurrency}"
        yield Finding(Rule.CONCURRENCY, text)
    if limits.key_concurrency:
        out = Counter(_key_and_cost(evidence, member)[0] for member in published.out)
        entered = {_key_and_cost(evidence, member)[0] for member in published.members}
        for key in sorted(entered - {""}):
            if out[key] > limits.key_concurrency:
                text = f"at {published.at_s:.3f} {out[key]} of {key!r} are out; allowed are {limits.key_concurrency}"
                yield Finding(Rule.CONCURRENCY, text)


def check_pauses(evidence: Evidence) -> Iterator[Finding]:
    for era in _eras(evidence):
        if era.limits.is_paused:
            for each in _entered(evidence, era):
                yield Finding(Rule.HELD, f"{each} entered the paused queue, from {era.begin_s:.3f} to {era.end_s:.3f}")


def check_holds(evidence: Evidence) -> Iterator[Finding]:
    """What a worker was told to leave alone for a while is left alone, unless the broker has forgotten."""
    for hold in evidence.ledger.holds:
        until_ms = hold.server_ms + hold.for_ms
        for published in evidence.ledger.published:
            if published.at_s <= hold.at_s or published.server_ms >= until_ms:
                continue
            if _is_disturbed(evidence, hold.at_s - TICK_S, published.at_s):
                continue
            for member in published.members:
                key, _ = _key_and_cost(evidence, member)
                if hold.key in ("", key):
                    text = f"{member} of {key!r} entered at {published.at_s:.3f}, in spite of {hold}"
                    yield Finding(Rule.HELD, text)


CHECKS: list[Callable[[Evidence], Iterator[Finding]]] = [check_rates, check_concurrency, check_pauses, check_holds]
