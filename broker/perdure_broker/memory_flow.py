"""Flow control of the in-memory broker: the rules of `lua/admit.lua` and its like, in Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from perdure_broker.flow import (
    CONCURRENCY,
    HOLD_US_MAX,
    LATE_US,
    NOT_REACHED,
    TAKEN,
    Admission,
    Candidate,
    FlowState,
    Limits,
)
from perdure_broker.memory_server import MemoryServer, Queue
from perdure_broker.port import TaskStream

_QUEUE = "q"
_EPSILON = 1e-6


class MemoryFlow:
    """Flow control on a `MemoryServer`."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    async def flow_state(self, stream: TaskStream, limits: Limits) -> FlowState:
        self._server.check()
        queue = self._server.queue(stream) or Queue()
        now_ms = self._server.now_ms()
        now_us = now_ms * 1000
        queue.expire_workers(now_ms)
        _forget_past(queue, now_us)
        tokens, wait_us = 1e15, queue.holds.get(_QUEUE, now_us) - now_us
        if limits.rate_micro:
            has = _tokens(_full_at(queue, _QUEUE, limits, now_us), limits, now_us)
            tokens = has * 1e6
            wait_us = max(wait_us, _wait_us(has, 1, limits))
        return FlowState(
            undelivered=queue.stream.undelivered,
            pending=len(queue.stream.pending),
            out=len(queue.claimed),
            slots=sum(told.slots for told in queue.workers.values()),
            paused=queue.paused,
            backlogged=queue.backlogged,
            backlog_version=queue.backlog_version,
            tokens=0 if wait_us else math.floor(tokens),
            wait_us=wait_us,
            holds=len(queue.holds),
            window=queue.window(now_ms),
            finished_per_s=queue.drain.per_second(now_ms),
        )

    async def admit(
        self, stream: TaskStream, term: int, room: int, limits: Limits, candidates: Sequence[Candidate]
    ) -> Admission | None:
        self._server.check()
        queue = self._server.made_queue(stream)
        queue.known = True
        if queue.term == 0 or queue.term != term:
            return None
        verdicts = [NOT_REACHED] * len(candidates)
        if self._server.full:
            return Admission(tuple(verdicts), full=True)
        now_us = self._server.now_ms() * 1000
        if queue.paused or queue.holds.get(_QUEUE, 0) > now_us:
            room = 0
        full_at = _full_at(queue, _QUEUE, limits, now_us)
        out_by_key = _count(queue)
        waiting: dict[str, int] = {}
        is_new = False
        for place, candidate in enumerate(candidates):
            if candidate.member in queue.claimed:
                verdicts[place] = TAKEN
                continue
            if room <= 0 or (limits.concurrency and len(queue.claimed) >= limits.concurrency):
                break
            need = min(candidate.cost, limits.burst)
            if limits.rate_micro and _wait_us(_tokens(full_at, limits, now_us), need, limits):
                break
            verdict = waiting.get(candidate.key, TAKEN) or self._ask_key(queue, candidate, out_by_key, now_us)
            verdicts[place] = verdict
            if verdict != TAKEN:
                waiting[candidate.key] = verdict
                continue
            queue.claimed.add(candidate.member)
            queue.stream.add(candidate.data, self._server.now_ms())
            is_new = True
            room -= 1
            if limits.rate_micro:
                full_at += candidate.cost * 1e12 / limits.rate_micro
                queue.rates[_QUEUE] = full_at
            if candidate.key:
                queue.keyed[candidate.member] = candidate.key
                out_by_key[candidate.key] += 1
        if is_new:
            self._server.notify(self._server.keys.queue(stream).stream)
        return Admission(tuple(verdicts))

    def _ask_key(self, queue: Queue, candidate: Candidate, out_by_key: Mapping[str, int], now_us: int) -> int:
        """The verdict of the task's key; what it costs is taken from the key's bucket."""
        if not candidate.key:
            return TAKEN
        name, limits = f"k{candidate.key}", candidate.limits
        held_us = queue.holds.get(name, 0) - now_us
        if held_us > 0:
            return held_us
        if limits.concurrency and out_by_key[candidate.key] >= limits.concurrency:
            return CONCURRENCY
        if not limits.rate_micro:
            return TAKEN
        full_at = _full_at(queue, name, limits, now_us)
        wait_us = _wait_us(_tokens(full_at, limits, now_us), min(candidate.cost, limits.burst), limits)
        if not wait_us:
            queue.rates[name] = full_at + candidate.cost * 1e12 / limits.rate_micro
        return wait_us

    async def hold(self, stream: bytes, key: str, for_us: int) -> None:
        self._server.check()
        found = self._server.keys.stream_of(stream)
        if found is None:
            return
        queue = self._server.made_queue(found)
        for_us = min(for_us, HOLD_US_MAX)
        name = f"k{key}" if key else _QUEUE
        queue.holds[name] = max(queue.holds.get(name, 0), self._server.now_ms() * 1000 + for_us)
        queue.backlogged = True
        queue.backlog_version += 1

    async def holds(self, stream: TaskStream) -> dict[str, int]:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return {}
        now_us = self._server.now_ms() * 1000
        _forget_past(queue, now_us)
        return {name[1:]: until - now_us for name, until in queue.holds.items()}

    async def reset_rates(self, stream: TaskStream) -> None:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is not None:
            queue.rates.clear()

    async def claims(self, stream: TaskStream) -> dict[str, str | None]:
        self._server.check()
        queue = self._server.queue(stream)
        return {member: queue.keyed.get(member) for member in sorted(queue.claimed)} if queue is not None else {}

    async def out_by_key(self, stream: TaskStream) -> dict[str, int]:
        self._server.check()
        queue = self._server.queue(stream)
        return dict(sorted(_count(queue).items())) if queue is not None else {}


def _count(queue: Queue) -> Counter[str]:
    """How many tasks of each key are out."""
    queue.keyed = {member: key for member, key in queue.keyed.items() if member in queue.claimed}
    return Counter(queue.keyed.values())


def _forget_past(queue: Queue, now_us: int) -> None:
    queue.holds = {name: until for name, until in queue.holds.items() if until > now_us}
    queue.rates = {name: full_at for name, full_at in queue.rates.items() if full_at > now_us - LATE_US}


def _full_at(queue: Queue, name: str, limits: Limits, now_us: int) -> float:
    return max(queue.rates.get(name, 0.0), now_us - LATE_US if limits.is_late else now_us)


def _tokens(full_at: float, limits: Limits, now_us: int) -> float:
    return limits.burst - (full_at - now_us) * limits.rate_micro / 1e12


def _wait_us(tokens: float, need: int, limits: Limits) -> int:
    if tokens >= need - _EPSILON:
        return 0
    return math.ceil((need - tokens) * 1e12 / limits.rate_micro)
