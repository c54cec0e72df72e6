"""Priority, fairness and cost: whose turn it is when tasks wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from perdure.protocol.fairness import NO_FAIRNESS, Fairness, fairness_problem
from perdure.protocol.tasks import PRIORITY_DEFAULT


@dataclass(frozen=True)
class Priority:
    """Who goes first when tasks wait in a queue.

    What is None is that of the workflow that asks; of a workflow, of its parent.

    Attributes:
        priority_key: From 1 (first) to 5 (last); None, where no workflow has one: 3. A task goes before all of lower
            priorities that may go.
        fairness_key: Whom the task belongs to, such as a tenant: while tasks wait, those of different keys take turns,
            however many each has. Limits of a task queue may be set for each key. At most 255 characters; empty: none.
        fairness_weight: The share of this key, from 0.001 to 1000; 1 where nobody says.
        cost: What the task takes from rates of its queue and key, and from the share of its key: a whole number, such
            as the tokens that a call of a model may use; 1 where nobody says.
    """

    priority_key: int | None = None
    fairness_key: str | None = None
    fairness_weight: float | None = None
    cost: int | None = None

    default: ClassVar[Priority]

    def __post_init__(self) -> None:
        key = self.priority_key
        if key is not None:
            if not isinstance(key, int):
                raise TypeError(f"priority_key must be an integer from 1 to 5, not {type(key).__name__}")
            if not 1 <= key <= 5:
                raise ValueError(f"priority_key is {key}; it must be from 1 (first) to 5 (last)")
        if self.fairness_key is not None and not isinstance(self.fairness_key, str):
            raise TypeError(f"fairness_key must be text, not {type(self.fairness_key).__name__}")
        if self.cost is not None and not isinstance(self.cost, int):
            raise TypeError(f"cost must be a whole number, not {type(self.cost).__name__}")
        problem = fairness_problem(self.to_fairness(None))
        if problem is not None:
            raise ValueError(problem.removeprefix("its "))

    def to_fairness(self, inherited: Fairness | None) -> Fairness | None:
        """What travels with a task; `inherited` where this says nothing."""
        if self.fairness_key is None and self.fairness_weight is None and self.cost is None:
            return inherited
        base = inherited or NO_FAIRNESS
        fairness = Fairness(
            base.key if self.fairness_key is None else self.fairness_key,
            base.weight if self.fairness_weight is None else round(self.fairness_weight * 1000),
            base.cost if self.cost is None else self.cost,
        )
        return None if fairness == NO_FAIRNESS else fairness

    @classmethod
    def from_data(cls, priority: int, fairness: Fairness | None) -> Priority:
        """The inverse, of a task or a workflow."""
        key = None if priority == PRIORITY_DEFAULT else priority
        if fairness is None:
            return cls.default if key is None else cls(key)
        weight = None if fairness.weight == NO_FAIRNESS.weight else fairness.weight / 1000
        return cls(key, fairness.key or None, weight, None if fairness.cost == 1 else fairness.cost)


Priority.default = Priority()
