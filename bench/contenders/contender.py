"""What the bench asks of everybody who takes part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from bench.measurement import Measurement, Memory
from bench.scenario import SHARDS_DEFAULT, Scenario
from bench.servers import Servers

Report = Callable[[Scenario, Measurement], None]


class ContenderFailed(RuntimeError):
    """A contender did not start, or died in its turn. Carries its last words."""


class Contender(ABC):
    """One system. Each turn is a fresh start on the given servers, and leaves nothing behind.

    Attributes:
        kinds: What it can run: values of `Scenario.workflow`.
        has_shards: Whether it can be given a number of shards.
    """

    kinds: ClassVar[frozenset[str]]
    has_shards: ClassVar[bool] = False

    @classmethod
    def takes(cls, scenario: Scenario) -> bool:
        """Whether a scenario is for it."""
        return scenario.workflow in cls.kinds and (cls.has_shards or scenario.shards == SHARDS_DEFAULT)

    @classmethod
    @abstractmethod
    def absence(cls) -> str | None:
        """Why it cannot take part here, or None if it can."""

    @abstractmethod
    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        """Run scenarios, all of which it takes and which share one shard count, each after its warm-up, and report each
        one's measurement.

        Returns:
            What its processes took at their peak, if it can say.

        Raises:
            ContenderFailed: it did not finish.
        """
