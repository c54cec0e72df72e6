"""The part of the port that is about flow control: how fast, and how many at a time, tasks enter a stream.

Role: the state of rates, holds and tasks that are out lives with the claims of the stream, on the server and by its
clock, so that it outlives every engine and dispatcher. What limits there are, and whose turn it is, is matching's.

A rate is a token bucket: `burst` tokens at the most, which come at `rate_micro` millionths of a token a second. A task
takes as many as it costs; one that costs more than the bucket holds waits until it is full, and leaves it in debt.
A bucket is one number, the time at which it will be full again, so that one that is full takes no memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from perdure_broker.port import TaskStream

LATE_US = 150_000
"""A dispatcher that was told to wait for a token, and comes late, finds what came meanwhile, up to this time: else
each delay of a millisecond would be lost for good, a tenth of a rate of 100 a second. In ten seconds of any rate it is
1.5% at the most."""

HOLD_US_MAX = 86_400_000_000
"""A hold lasts a day at the most; what is to last longer is a setting."""

FLOW_IDLE_MS = 3_600_000
"""Keys of buckets and holds are forgotten when nobody has touched them for so long."""


class Limits(NamedTuple):
    """What a queue, or each of its keys, allows. 0: no limit. `concurrency` counts tasks that are out: published and
    not finished. `is_late`: the asker has been waiting for a token here."""

    rate_micro: int = 0
    burst: int = 1
    concurrency: int = 0
    is_late: bool = False


class Candidate(NamedTuple):
    """One task that is to be published. `key` is empty for none: then `limits` do not matter."""

    member: str
    data: bytes
    key: str = ""
    cost: int = 1
    limits: Limits = Limits()


class FlowState(NamedTuple):
    """`out`: tasks published and not finished. `tokens`: what the bucket of the queue has, in millionths; at most 0:
    nothing can be published for `wait_us`. `slots`: of all announced workers. `holds`: how many keys are held, and the
    queue itself."""

    undelivered: int
    pending: int
    out: int
    slots: int
    paused: bool
    backlogged: bool
    backlog_version: int
    tokens: int
    wait_us: int
    holds: int
    window: int
    finished_per_s: float


class Admission(NamedTuple):
    """What became of the candidates, in order: `TAKEN`, `NOT_REACHED`, `CONCURRENCY`, or how long their key has to
    wait, in microseconds: as long as it waits, none of its later tasks goes. `full`: the server is out of memory."""

    verdicts: tuple[int, ...]
    full: bool = False


TAKEN, NOT_REACHED, CONCURRENCY = 0, -1, -2


class Flow(Protocol):
    async def flow_state(self, stream: TaskStream, limits: Limits) -> FlowState:
        """How the queue stands under these limits."""

    async def admit(
        self, stream: TaskStream, term: int, room: int, limits: Limits, candidates: Sequence[Candidate]
    ) -> Admission | None:
        """Publish what limits and holds allow, as the dispatcher of `term`; None if that is no longer me. At most
        `room` new entries. Members that are published already count as taken, and cost nothing."""

    async def hold(self, stream: bytes, key: str, for_us: int) -> None:
        """Publish nothing of this key (empty: nothing at all) for a while, unless it is held for longer already. The
        queue counts as backlogged until its dispatcher says otherwise. `stream` is the key of its stream, as it came
        with a task; one that is no such key is ignored."""

    async def holds(self, stream: TaskStream) -> dict[str, int]:
        """What is held, by key (empty: the queue), and for how many microseconds still."""

    async def reset_rates(self, stream: TaskStream) -> None:
        """Fill all buckets of the queue: the rates are others now."""

    async def claims(self, stream: TaskStream) -> dict[str, str | None]:
        """Members that are published and not finished, in order, and their keys; None where nobody noted it."""

    async def out_by_key(self, stream: TaskStream) -> dict[str, int]:
        """How many tasks of each key are out; of those whose key was noted."""
