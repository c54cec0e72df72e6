"""Messages of this engine whose answer has not come: which of them may be lost, and are to be sent again soon.

Role: a hint in memory, so that who waits for an answer does not wait for the slow look at all that is outstanding. The
rows are the truth: a message is sent again only if its row is there, and one that is not known here is found by that
look.

Rules:
- An engine that has much to do answers late, and must not be sent everything twice. A message is taken for lost when
  its time is over and one that was sent well after it is answered, or when none was answered for as long.
- Who is sent again waits twice as long each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from perdure_store.port import TransferKey

OVERDUE_US = 3_000_000
"""An answer usually takes two commits: some milliseconds."""

OVERTAKEN_BY_US = 1_000_000
"""Sent this much later: not in the same batch, nor in the one behind it."""

PATIENCE_MAX_US = 60_000_000
AT_ONCE_MAX = 1_000


class UnansweredMessages:
    """`some` is set while there are any."""

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self._sent: dict[TransferKey, int] = {}
        self._again: dict[TransferKey, tuple[int, int]] = {}
        self._answered_us = 0
        self._last_answered_sent_us = 0

    def sent(self, key: TransferKey, now_us: int) -> None:
        if not self._sent:
            self.some.set()
        self._sent[key] = now_us

    def answered(self, key: TransferKey, now_us: int) -> None:
        """It was answered, or is sent no more."""
        sent_us = self._sent.pop(key, None)
        if sent_us is not None:
            self._answered_us = now_us
            self._last_answered_sent_us = max(self._last_answered_sent_us, sent_us)
        elif self._again:
            self._again.pop(key, None)

    def take_overdue(self, now_us: int) -> list[TransferKey]:
        """Those to be sent again, for which the next time is set by that; the oldest first, `AT_ONCE_MAX` at most."""
        is_silent = now_us - self._answered_us >= OVERDUE_US
        overdue = [key for key, (due_us, _) in self._again.items() if due_us <= now_us][:AT_ONCE_MAX]
        for key, sent_us in self._sent.items():
            is_late = now_us - sent_us >= OVERDUE_US
            is_overtaken = sent_us + OVERTAKEN_BY_US <= self._last_answered_sent_us
            if not is_late or not (is_silent or is_overtaken) or len(overdue) == AT_ONCE_MAX:
                break
            overdue.append(key)
        for key in overdue:
            patience_us = min(2 * self._again.get(key, (0, OVERDUE_US))[1], PATIENCE_MAX_US)
            self._sent.pop(key, None)
            self._again[key] = (now_us + patience_us, patience_us)
        return overdue

    def forget(self, keys: Collection[TransferKey]) -> None:
        """They are not outstanding, or no longer ours to send."""
        for key in keys:
            self._sent.pop(key, None)
            self._again.pop(key, None)

    def rest(self) -> None:
        """There may be none any more."""
        if not self._sent and not self._again:
            self.some.clear()
