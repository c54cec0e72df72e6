"""Who waits for the outcome of which run. In memory only: waiters renew, and ask the next owner again."""

from __future__ import annotations

from perdure.protocol.replies import Outcome, ReplyKind
from perdure_engine.history.batch import Batch


class Waiters:
    def __init__(self) -> None:
        self._by_shard: dict[int, dict[str, dict[tuple[str, int], int]]] = {}

    def __len__(self) -> int:
        return sum(len(waiting) for runs in self._by_shard.values() for waiting in runs.values())

    def add(self, shard_id: int, run_id: str, sender: str, number: int) -> None:
        runs = self._by_shard.get(shard_id)
        if runs is None:
            runs = self._by_shard[shard_id] = {}
        runs.setdefault(run_id, {})[sender, number] = 1

    def resolve(self, batch: Batch, shard_id: int, outcome: Outcome) -> None:
        """The run is closed in this batch: everybody hears of it when that is durable."""
        runs = self._by_shard.get(shard_id)
        if runs is None:
            return
        for sender, number in runs.pop(outcome.run_id, ()):
            batch.reply(sender, number, ReplyKind.OUTCOME, outcome)

    def drop_shard(self, shard_id: int) -> None:
        """The shard has another owner, whom its waiters will ask."""
        self._by_shard.pop(shard_id, None)
