"""Refusals: requests by workflow id for which there was no open run, kept for when they come again.

Role: a sender sends again until it has its answer. A run may begin between two copies of a request, or the one whose id
a child was to have may close; the second copy must not take effect then, since its sender may have been told that the
first one did not.

Rules: noted when the batch that refused is durable, before anybody is told: what is told may take its time, and the
request be read again meanwhile. In memory only: another owner of the shard knows of none.
"""

from __future__ import annotations

from functools import partial

from perdure.protocol.replies import ErrorReply
from perdure_engine.history.batch import Batch

LATEST_MAX = 10_000
"""Refusals of one engine that are kept."""


class Refusals:
    """The latest ones, by sender and request number."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, int], ErrorReply] = {}

    def __len__(self) -> int:
        return len(self._latest)

    def note(self, sender: str, number: int, refusal: ErrorReply) -> None:
        self._latest[sender, number] = refusal
        if len(self._latest) > LATEST_MAX:
            del self._latest[next(iter(self._latest))]

    def refuse(self, batch: Batch, sender: str, number: int, refusal: ErrorReply) -> None:
        """Note a refusal that a batch makes: for the rest of that, and for all times when it is durable."""
        batch.refused[sender, number] = refusal
        batch.noted.append(partial(self.note, sender, number, refusal))

    def find(self, batch: Batch, sender: str, number: int) -> ErrorReply | None:
        return self._latest.get((sender, number)) or batch.refused.get((sender, number))
