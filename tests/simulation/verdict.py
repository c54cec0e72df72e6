"""What came of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.rules import Finding


@dataclass
class Verdict:
    """Attributes:
    trace: equal for two runs of one scenario.
    seconds: how long it took, in virtual time.
    faults: those carried out, by kind.
    crashes: the points at which an engine was killed or stopped.
    calls: what befell single calls.
    work: what there was to do: workflows, activities, signals ...
    rows: the rows of the transition tables that were taken, as "TABLE: row".
    transcript: what happened, if it was to be written down.
    """

    seed: int
    wrong: list[Finding] = field(default_factory=list)
    trace: str = ""
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    work: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    transcript: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Everything that is counted but rows and points."""
        return {**self.work, **self.faults, **self.calls}
