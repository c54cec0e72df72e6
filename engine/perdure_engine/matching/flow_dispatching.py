"""Dispatching with flow control: the backlog of a queue whose tasks have keys, or which has limits.

Role: decides who goes next (`keyed_backlog`), and asks the broker, which keeps the count of rates, holds and tasks that
are out (`perdure_broker.flow`). One such dispatcher works for a queue among all engines; what it knows is read again by
the next.

Rules:
- A queue that is held back keeps its mark, so that all of its tasks come this way, and its dispatcher as long as it is.
- In such a queue a task is published when a worker has a free slot for it, not before: it begins at once, so that
  rates hold for beginnings, and a pause leaves next to nothing behind.
- A queue without limits has its window, and is given back to the plain dispatcher when its backlog is empty.
- Rows are published once. Those that another dispatcher published are claimed when this one begins, or over; of later
  ones this one knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container

from perdure.protocol.task_queues import KeySettings, QueueSettings
from perdure_broker.flow import CONCURRENCY, NOT_REACHED, TAKEN, Candidate, FlowState, Limits
from perdure_broker.port import Broker, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.flow_control import FlowControl
from perdure_engine.matching.keyed_backlog import KeyedBacklog
from perdure_engine.outstanding import ANNOUNCEMENTS_S, entry_of, key_of, member_of
from perdure_store.port import Store, TransferRow

logger = logging.getLogger("perdure.engine.flow")

PRIORITIES = (1, 2, 3, 4, 5)

WAIT_MIN_S = 0.002
WAIT_MAX_S = 0.02
"""How long to wait for room, or for tasks; doubled while there is none."""

TOKEN_WAIT_MIN_S = 0.001
TOKEN_WAIT_MAX_S = 0.1
"""How long to wait for a token, or the end of a hold, before looking again: settings may have changed."""

LOOK_AGAIN_S = 20.0
"""Seconds after which an idle dispatcher looks at the whole backlog again: its stream may have lost entries."""

BATCH_MAX = 500
"""Tasks of one call to the broker."""


class FlowDispatcher:
    """Publishes the backlog of one queue of activities under its limits."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        flow: FlowControl,
        stream: TaskStream,
        node: str,
        is_mine: Callable[[], bool],
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._flow = flow
        self._stream = stream
        self._node = node
        self._is_mine = is_mine
        self._backlog = KeyedBacklog(store, environment, stream, PRIORITIES, self._weight_of)
        self._term = 0
        self._epoch = ""
        self._looked_at = 0.0
        self._others: dict[str, str | None] = {}
        self._waiting: dict[str, float] = {}
        self._is_late = False
        self._wait_s = WAIT_MIN_S

    async def run(self) -> None:
        """Publish until the queue is not held back any more and its backlog is empty, or another engine has it."""
        await self._take()
        while self._is_mine():
            settings = self._flow.settings(self._stream)
            limits = Limits(settings.rate_micro, settings.burst or 1, settings.concurrency, self._is_late)
            state = await self._broker.flow_state(self._stream, limits)
            is_held_back = settings.holds_back or state.holds > 0
            await self._keep_marks(state, is_held_back)
            if self._is_paused() or state.paused:
                await self._rest()
                continue
            if state.wait_us:
                self._is_late = bool(limits.rate_micro)
                await self._sleep(state.wait_us / 1_000_000)
                continue
            room = _room(state, limits) if is_held_back else state.window - state.undelivered
            if room <= 0:
                await self._rest()
                continue
            count = min(room, BATCH_MAX, -(-state.tokens // 1_000_000))
            rows = await self._backlog.next_rows(state.backlog_version, count, self._waiting_keys())
            if rows:
                if not await self._publish(rows, room, limits, settings):
                    return
                continue
            self._is_late = False
            if not is_held_back and self._backlog.is_empty and not self._waiting:
                if await self._broker.clear_backlog(self._stream, self._backlog.version):
                    return
                await self._rest()
                continue
            if self._environment.monotonic() - self._looked_at > LOOK_AGAIN_S:
                await self._take()
            await self._rest()

    async def _take(self) -> None:
        """Become the dispatcher, or go on as the one that this already is, and look at everything."""
        epoch = await self._broker.epoch()
        if self._epoch not in ("", epoch):
            await self._environment.sleep(ANNOUNCEMENTS_S)
        self._term = await self._broker.take_dispatch(self._stream, self._node, self._term)
        self._others = await self._broker.claims(self._stream)
        self._epoch = epoch
        self._looked_at = self._environment.monotonic()
        self._backlog.begin()

    async def _keep_marks(self, state: FlowState, is_held_back: bool) -> None:
        """Let the broker refuse what is published past this dispatcher; it forgets with all else when it is emptied.

        Where settings and mark differ, another engine may have set both just now, and this one not know yet."""
        if self._is_paused() != state.paused:
            await self._flow.refresh()
            if self._is_paused() != state.paused:
                await self._broker.set_paused(self._stream, not state.paused)
        if is_held_back and not state.backlogged:
            await self._broker.mark_backlog(self._stream)

    def _is_paused(self) -> bool:
        return self._flow.settings(self._stream).paused_until_us > self._environment.now_us()

    async def _publish(self, rows: list[TransferRow], room: int, limits: Limits, settings: QueueSettings) -> bool:
        """Publish these rows as far as they may be. False: another engine has the queue."""
        rows = await self._wanted(rows)
        if not rows:
            return True
        candidates = [
            Candidate(member_of(row), entry_of(row), row.fairness_key, row.cost, self._limits_of(row, settings))
            for row in rows
        ]
        # Should the answer be lost, nobody knows what was published: another term begins.
        term, self._term = self._term, -1
        admission = await self._broker.admit(self._stream, term, room, limits, candidates)
        if admission is None:
            return False
        self._term = term
        now = self._environment.monotonic()
        taken = 0
        for row, verdict in zip(rows, admission.verdicts, strict=True):
            if verdict == TAKEN:
                self._backlog.passed(row)
                taken += 1
            elif verdict != NOT_REACHED and row.fairness_key not in self._waiting:
                wait_s = WAIT_MIN_S if verdict == CONCURRENCY else verdict / 1_000_000
                self._waiting[row.fairness_key] = now + max(wait_s, TOKEN_WAIT_MIN_S)
        if taken:
            self._wait_s = WAIT_MIN_S
        elif admission.full or all(verdict == NOT_REACHED for verdict in admission.verdicts):
            await self._rest()
        return True

    async def _wanted(self, rows: list[TransferRow]) -> list[TransferRow]:
        """Those that nobody has published: what others have was claimed when this dispatcher began. Where it has
        forgotten what it published itself, it looks."""
        theirs: Container[str] = self._others
        if self._backlog.has_forgotten:
            members = [member_of(row) for row in rows]
            claimed = await self._broker.published(self._stream, members)
            free = [row for row, is_claimed in zip(rows, claimed, strict=True) if not is_claimed]
            still = {member_of(row) for row in await self._store.transfer_rows([key_of(row) for row in free])}
            theirs = {member for member in members if member in self._others or member not in still}
        if not theirs:
            return rows
        kept: list[TransferRow] = []
        begun: dict[str, bool] = {}
        for row in rows:
            if member_of(row) not in theirs:
                if begun.setdefault(row.fairness_key, True):
                    kept.append(row)
            elif row.fairness_key in begun:
                begun[row.fairness_key] = False  # behind one that is to be published first
            else:
                self._backlog.passed(row, is_free=True)
        return kept

    def _limits_of(self, row: TransferRow, settings: QueueSettings) -> Limits:
        key = row.fairness_key
        if not key:
            return Limits()
        own = settings.key(key) or KeySettings(key)
        return Limits(
            own.rate_micro or settings.key_rate_micro,
            (own.burst if own.rate_micro else settings.key_burst) or 1,
            own.concurrency or settings.key_concurrency,
            False,
        )

    def _weight_of(self, key: str, weight: int) -> int:
        own = self._flow.settings(self._stream).key(key)
        return (own.weight if own is not None else 0) or weight

    def _waiting_keys(self) -> dict[str, float]:
        """Keys of which nothing may go now: they wait, or are paused."""
        now = self._environment.monotonic()
        self._waiting = {key: until for key, until in self._waiting.items() if until > now}
        now_us = self._environment.now_us()
        paused = {row.key: now for row in self._flow.settings(self._stream).keys if row.paused_until_us > now_us}
        return {**self._waiting, **paused}

    async def _sleep(self, seconds: float) -> None:
        await self._environment.sleep(min(max(seconds, TOKEN_WAIT_MIN_S), TOKEN_WAIT_MAX_S))

    async def _rest(self) -> None:
        await self._environment.sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)


def _room(state: FlowState, limits: Limits) -> int:
    """How many more tasks may be published: as many as workers have free slots, and one where there is no worker."""
    room = max(1, state.slots) - state.pending - state.undelivered
    return min(room, limits.concurrency - state.out) if limits.concurrency else room
