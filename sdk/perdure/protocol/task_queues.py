"""Task queues in the protocol: what is set for one, and how it stands.

Limits are those of the activities (and standalone tasks) of a queue; its workflow tasks are never held back. Rates are
in millionths a second, so that one an hour can be said; costs are whole.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.codec import struct_decoder

FOREVER_US = 1 << 62
"""A pause until this time ends when somebody resumes."""

RATE_MICRO_MAX = 1_000_000 * 1_000_000
"""A million a second."""

COUNT_MAX = 1_000_000_000
"""The largest burst, concurrency or cost."""

WEIGHT_MIN, WEIGHT_MAX = 1, 1_000_000
"""Weights in thousandths: from 0.001 to 1000 (Temporal's)."""

WEIGHT_DEFAULT = 1_000

KEY_LENGTH_MAX = 255
"""Characters of a fairness key."""

KEYS_MAX = 1_000
"""Keys of one queue that are set by themselves."""

REASON_LENGTH_MAX = 1_000


PURGE_MAX = 1_000
"""Activities of one request to purge a queue."""

PURGED = "Purged"
"""The type of the failure of an activity that an operator has taken out of its queue."""


class KeySettings(NamedTuple):
    """What one fairness key has by itself. 0: as its tasks say (`weight`), as other keys have it (the limits).
    `paused_until_us`: as in `QueueSettings`."""

    key: str
    weight: int = 0
    rate_micro: int = 0
    burst: int = 0
    concurrency: int = 0
    paused_until_us: int = 0


class QueueSettings(NamedTuple):
    """0: no limit; a burst of 0 is 1. `paused_until_us`: nothing is handed out before; 0: it is not paused.
    `revision` rises with each change; 0: nothing was ever set."""

    namespace: str
    task_queue: str
    revision: int = 0
    rate_micro: int = 0
    burst: int = 0
    concurrency: int = 0
    key_rate_micro: int = 0
    key_burst: int = 0
    key_concurrency: int = 0
    paused_until_us: int = 0
    pause_reason: str = ""
    keys: tuple[KeySettings, ...] = ()
    changed_us: int = 0
    changed_by: str = ""

    def key(self, name: str) -> KeySettings | None:
        """What this key has by itself."""
        return next((row for row in self.keys if row.key == name), None)

    @property
    def holds_back(self) -> bool:
        """Whether anything may have to wait for more than a worker."""
        limits = (self.rate_micro, self.concurrency, self.key_rate_micro, self.key_concurrency, self.paused_until_us)
        return any(limits) or any(row.rate_micro or row.concurrency or row.paused_until_us for row in self.keys)


# Requests -------------------------------------------------------------------------------------------------------------


class SetQueueLimits(NamedTuple):
    """Change limits of a queue; None: as it is, 0: none. `key`: of this fairness key alone (then `rate_micro`, `burst`,
    `concurrency` and `weight` are meant). `revision`: that of the settings as the caller saw them, or 0.

    Reply: `QueueSettings`; INVALID_ARGUMENT; FAILED_PRECONDITION at another revision."""

    namespace: str
    task_queue: str
    key: str = ""
    rate_micro: int | None = None
    burst: int | None = None
    concurrency: int | None = None
    key_rate_micro: int | None = None
    key_burst: int | None = None
    key_concurrency: int | None = None
    weight: int | None = None
    revision: int = 0
    identity: str = ""


class PauseQueue(NamedTuple):
    """Hand nothing out until this time (0: do so again), of the queue, or of one key of it. Reply: `QueueSettings`."""

    namespace: str
    task_queue: str
    until_us: int
    key: str = ""
    reason: str = ""
    identity: str = ""


class DescribeQueue(NamedTuple):
    """Reply: `QueueInfo`, also of a queue that nobody has used yet."""

    namespace: str
    task_queue: str


class ListQueues(NamedTuple):
    """Queues that have workers, tasks or settings, by name. Reply: `QueueList`, without workers and keys."""

    namespace: str


class PurgeQueue(NamedTuple):
    """Fail activities that wait in the store for a place in a paused queue, at most `limit` of them, for good (the
    failure's type is `PURGED`). Ask again until none is left: what was told to fail is gone a moment later.

    Reply: `Purged`; FAILED_PRECONDITION while the queue is not paused."""

    namespace: str
    task_queue: str
    limit: int = PURGE_MAX
    reason: str = ""
    identity: str = ""


# Answers --------------------------------------------------------------------------------------------------------------


class QueueWorker(NamedTuple):
    """A worker that polls. `age_ms` since it last said so."""

    worker: str
    identity: str
    slots: int
    age_ms: int


class QueueKey(NamedTuple):
    """A fairness key that has tasks out, or is held. `held_us`: for how long still."""

    key: str
    out: int
    held_us: int = 0


class QueueLane(NamedTuple):
    """The tasks of one kind (`TaskKind`) of a queue. `waiting`: no worker has them, `running`: one has. `oldest_us`:
    since when the oldest of those that wait in the store is outstanding; 0: none does. `finished_milli`: thousandths
    finished a second, lately."""

    kind: int
    waiting: int
    running: int
    oldest_us: int
    finished_milli: int
    worker_count: int
    slots: int
    workers: tuple[QueueWorker, ...] = ()


class QueueInfo(NamedTuple):
    """How a queue stands. `held_us`: for how long its activities are held by what one of them met (a 429)."""

    task_queue: str
    workflows: QueueLane
    activities: QueueLane
    settings: QueueSettings
    held_us: int = 0
    keys: tuple[QueueKey, ...] = ()


class Purged(NamedTuple):
    """How many activities were told to fail."""

    total: int


class QueueList(NamedTuple):
    rows: tuple[QueueInfo, ...]


decode_purged = struct_decoder(Purged)
decode_queue_settings = struct_decoder(QueueSettings)
decode_queue_info = struct_decoder(QueueInfo)
decode_queue_list = struct_decoder(QueueList)
