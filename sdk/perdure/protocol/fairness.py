"""Whose turn a task is, beside its priority: which tenant it belongs to, what share that one has, and what it costs."""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.ids import text_problem
from perdure.protocol.task_queues import COUNT_MAX, KEY_LENGTH_MAX, WEIGHT_DEFAULT, WEIGHT_MAX, WEIGHT_MIN


class Fairness(NamedTuple):
    """`key` empty: none. `weight` in thousandths. Where nothing of it was asked for, None stands in its place."""

    key: str
    weight: int = WEIGHT_DEFAULT
    cost: int = 1


NO_FAIRNESS = Fairness("")
"""Stands for what nobody asked for."""


def fairness_problem(fairness: Fairness | None) -> str | None:
    """What is wrong with it, or None."""
    if fairness is None:
        return None
    if len(fairness.key) > KEY_LENGTH_MAX:
        return f"its fairness key has {len(fairness.key)} characters; the limit is {KEY_LENGTH_MAX}"
    if fairness.key and (problem := text_problem("its fairness key", fairness.key)) is not None:
        return problem
    if not WEIGHT_MIN <= fairness.weight <= WEIGHT_MAX:
        return f"its fairness weight is {fairness.weight / 1000:g}; it must be from 0.001 to 1000"
    if not 1 <= fairness.cost <= COUNT_MAX:
        return f"its cost is {fairness.cost}; it must be from 1 to {COUNT_MAX:,}"
    return None
