"""A run's sources of chance, made when they are first asked for."""

from __future__ import annotations

import hashlib
import random


def seed_of(run_id: str) -> int:
    """The seed of a run's source of chance. A reset run keeps that of the run whose first events it has."""
    return int.from_bytes(hashlib.blake2b(run_id.encode(), digest_size=16).digest(), "big")


class Chance:
    """`own` belongs to the workflow, and replays draw from it alike; `aside` is for what only looks at it: were a query
    to draw from its own, no replay would draw the same afterwards."""

    __slots__ = ("_aside", "own", "seed")

    def __init__(self, run_id: str) -> None:
        self.seed = seed_of(run_id)
        self.own = random.Random(self.seed)
        self._aside: random.Random | None = None

    def renew(self, run_id: str) -> None:
        """From here on the workflow is a run of its own, though its history was begun by another."""
        self.seed = seed_of(run_id)
        self.own.seed(self.seed)
        self._aside = None

    @property
    def aside(self) -> random.Random:
        if self._aside is None:
            self._aside = random.Random(f"{self.seed}:aside")
        return self._aside
