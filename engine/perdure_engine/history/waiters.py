"""Who waits for the outcome of which run. In memory only: waiters renew, and ask the next owner again."""

from __future__ import annotations

from perdure.protocol.replies import Outcome, ReplyKind
from perdure_engine.history.batch import Batch


class Waiters:
    def __init__(self) -> None:
        self._by_run: dict[str, dict[tuple[str, int], int]] = {}

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._by_run.values())

    def add(self, run_id: str, sender: str, number: int) -> None:
        self._by_run.setdefault(run_id, {})[sender, number] = 1

    def resolve(self, batch: Batch, outcome: Outcome) -> None:
        """The run is closed in this batch: everybody hears of it when that is durable."""
        for sender, number in self._by_run.pop(outcome.run_id, ()):
            batch.reply(sender, number, ReplyKind.OUTCOME, outcome)
