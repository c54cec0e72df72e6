"""The weather between processes and servers: how likely each fault of a single call is at the moment."""

from __future__ import annotations

import asyncio
from enum import StrEnum


class Ill(StrEnum):
    """What may befall one call. "Lost": its connection breaks."""

    SLOW = "calls slow"
    STORE_LOST = "store calls lost"
    STORE_ANSWER_LOST = "store answers lost"
    COMMIT_LOST = "commits not sent"
    COMMIT_CONFLICT = "commits in conflict"
    COMMIT_UNKNOWN_LOST = "commits of unknown outcome, not written"
    COMMIT_UNKNOWN_WRITTEN = "commits of unknown outcome, written"
    COMMIT_UNKNOWN_LATE = "commits of unknown outcome, written later"
    COMMIT_SLOW = "commits slow"
    BROKER_LOST = "broker calls lost"
    BROKER_ANSWER_LOST = "broker answers lost"
    BROKER_TWICE = "broker calls carried out twice"
    BROKER_LATE = "broker calls lost, and carried out later"
    BROKER_TORN = "releases torn"


class Weather:
    """Spells of ill weather, which begin and end.

    Attributes:
        is_store_down: the database answers nobody.
        befell: how often each ill befell a call.
    """

    def __init__(self) -> None:
        self.is_store_down = False
        self.befell: dict[str, int] = {}
        self._spells: dict[int, tuple[Ill, float]] = {}
        self._rates: dict[Ill, float] = {}
        self._stalled_until: dict[str, float] = {}

    def begin(self, number: int, ill: Ill, rate: float) -> None:
        self._spells[number] = (ill, rate)
        self._sum_up()

    def end(self, number: int) -> None:
        del self._spells[number]
        self._sum_up()

    def stall(self, server: str, seconds: float) -> None:
        """What arrives at a server is not looked at for a while."""
        now = asyncio.get_running_loop().time()
        self._stalled_until[server] = max(now + seconds, self.stalled_until(server))

    def stalled_until(self, server: str) -> float:
        """When a server goes on; 0 if it never stalled."""
        return self._stalled_until.get(server, 0.0)

    def calm(self) -> None:
        self._spells.clear()
        self._rates.clear()
        self.is_store_down = False

    @property
    def is_calm(self) -> bool:
        return not self._rates

    def rate(self, ill: Ill) -> float:
        """How likely this is to befall a call."""
        return self._rates.get(ill, 0.0)

    @property
    def broker_fault(self) -> float:
        """How likely a call to the broker is to fail."""
        return self.rate(Ill.BROKER_LOST)

    def note(self, ill: Ill) -> None:
        self.befell[ill] = self.befell.get(ill, 0) + 1

    def _sum_up(self) -> None:
        self._rates = {}
        for ill, rate in self._spells.values():
            self._rates[ill] = max(rate, self._rates.get(ill, 0.0))
