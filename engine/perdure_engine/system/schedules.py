"""Schedules, carried on by the engines together: each by one of them at a time, and by any of them.

Role: each second (sooner, when something is due sooner) this looks for schedules that there is something to do about,
does it, and keeps what came of it. The rules are `perdure_engine.core.schedule`'s. Rendezvous says which engine takes
which schedule; the revision of the row decides, if two of them think that it is theirs.

Rules:
- What is to be done is kept before it is done, and is done again by whoever finds it: by the same names, so that it
  takes effect once.
- A page of schedules goes together: one write, one trip to the shards. What a shard does not answer in time is tried
  again, and holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import (
    ErrorCode,
    Outcome,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure_broker.port import ClusterInfo
from perdure_engine.core.schedule import steps
from perdure_engine.core.schedule.executions import (
    describe_request,
    end_request,
    execution_of,
    is_open,
    outcome_request,
    start_request,
)
from perdure_engine.core.schedule.progress import Ending, Progress, Running, Start, definition_of, progress_of
from perdure_engine.environment import Environment
from perdure_engine.history.ownership import preferred_node
from perdure_engine.system.errands import Errands
from perdure_engine.system.watches import Key, Watched, Watches
from perdure_store.port import ScheduleRow, Store, StoreError
from perdure_store.schedules import NEVER_US

logger = logging.getLogger("perdure.engine.schedules")

LOOK_S = 1.0
"""Seconds between two looks, at the most: how late it is noticed what another engine was asked to do."""

WAITING_S = 15.0
"""Seconds between two looks at those that wait for the end of something: who heard of it may have died."""

PAGE = 200
PATIENCE_S = 3.0
"""Seconds that a page waits for the answers of shards."""

RETRY_S = 2.0
AGAIN_US = 2_000_000
"""Microseconds until what was not answered is tried again."""

UNREADABLE_US = 60_000_000
"""Microseconds until a schedule that cannot be read is looked at again: by a later version, perhaps."""

PASSING = (ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE, ErrorCode.WRONG_SHARD, ErrorCode.DEADLINE_EXCEEDED)
"""What a shard says that will take the same request later."""


class _Work:
    """One schedule that is being carried on."""

    def __init__(self, row: ScheduleRow) -> None:
        self.row = row
        definition = definition_of(row.definition)
        self.plan = steps.plan_of(row.namespace, row.schedule_id, definition)
        self.progress = progress_of(row.progress)
        self.is_put_off = False

    @property
    def key(self) -> Key:
        return self.row[:2]

    def kept(self, now_us: int) -> ScheduleRow:
        """The row as it is to be from now on."""
        look_us = steps.look_us(self.plan, self.progress, now_us)
        next_us = NEVER_US if look_us is None else look_us
        if self.is_put_off:
            next_us = max(next_us, now_us + AGAIN_US)
        return self.row._replace(
            revision=self.row.revision + 1,
            next_us=next_us,
            waits=steps.waits(self.plan, self.progress),
            progress=pack(self.progress),
        )


class Schedules:
    """Args:
    live_nodes: the engines that are alive, this one included.
    """

    def __init__(
        self,
        store: Store,
        environment: Environment,
        cluster: ClusterInfo,
        errands: Errands,
        watches: Watches,
        *,
        node: str,
        live_nodes: Callable[[], Sequence[str]],
    ) -> None:
        self._store = store
        self._environment = environment
        self._cluster = cluster
        self._errands = errands
        self._watches = watches
        self._node = node
        self._live_nodes = live_nodes
        self._asked: dict[Key, None] = {}
        self._is_asked = asyncio.Event()
        self._looked_at_waiting = float("-inf")
        watches.over = self.look_at

    def look_at(self, key: Key) -> None:
        """There may be something to do about this schedule: do it now, whoever's it is."""
        self._asked[key] = None
        self._is_asked.set()

    def wake(self) -> None:
        """The clock was set: look again."""
        self._is_asked.set()

    async def run(self) -> None:
        """Carry schedules on, for ever."""
        while True:
            try:
                pause_s = await self.look()
            except StoreError as error:
                logger.warning("schedules wait: %s", error)
                pause_s = RETRY_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._is_asked.wait()
            except TimeoutError:
                continue

    async def look(self) -> float:
        """Do what is due; returns the seconds until there may be more."""
        self._is_asked.clear()
        asked, self._asked = list(self._asked), {}
        rows = [await self._store.schedule(*key) for key in asked]
        carried = await self._carry_on([row for row in rows if row is not None])
        for key, row in zip(asked, rows, strict=True):
            if row is None:
                self._watches.keep(key, ())
        soonest_us = await self._look_at_due(set(asked))
        if self._environment.monotonic() - self._looked_at_waiting >= WAITING_S:
            self._looked_at_waiting = self._environment.monotonic()
            await self._look_at_waiting()
        soonest_us = min([soonest_us, *(row.next_us for row in carried)])
        return max(0.0, (soonest_us - self._environment.now_us()) / 1_000_000)

    async def _look_at_due(self, done: set[Key]) -> int:
        """Carry on what is due, and is this engine's; returns when the next one is, within a second."""
        begun_us = self._environment.now_us()
        soonest_us = until_us = begun_us + int(LOOK_S * 1_000_000)
        after = None
        while True:
            page = await self._store.due_schedules(until_us, after=after, limit=PAGE)
            mine = [row for row in page if row[:2] not in done and self._is_mine(row)]
            due = [row for row in mine if row.next_us <= begun_us]
            later = [row.next_us for row in mine if row.next_us > begun_us]
            kept = await self._carry_on(due)
            soonest_us = min([soonest_us, *later, *(row.next_us for row in kept)])
            if len(page) < PAGE:
                return soonest_us
            after = page[-1]

    async def _look_at_waiting(self) -> None:
        """Watch what this engine's schedules wait for, and nothing else."""
        keys = set(self._watches.keys())
        after = None
        while True:
            page = await self._store.waiting_schedules(after=after, limit=PAGE)
            for row in filter(self._is_mine, page):
                work = self._read(row)
                if work is not None:
                    self._watch(work)
                    keys.discard(work.key)
            if len(page) < PAGE:
                break
            after = page[-1]
        for key in sorted(keys):
            self._watches.keep(key, ())

    def _is_mine(self, row: ScheduleRow) -> bool:
        return preferred_node(f"schedule {row.namespace}\0{row.schedule_id}", self._live_nodes()) == self._node

    # One page ------------------------------------------------------------------------------------------------------
    async def _carry_on(self, rows: Sequence[ScheduleRow]) -> list[ScheduleRow]:
        """What there is to do about these schedules now; returns their rows, as far as nobody else has changed them."""
        if not rows:
            return []
        works = [work for row in rows if (work := self._read(row)) is not None]
        await self._put_off({row[:2]: row for row in rows}, works)
        await self._do(works)
        now_us = self._environment.now_us()
        for work in works:
            work.progress = steps.advanced(work.plan, work.progress, now_us)
        await self._look_at_running([work for work in works if work.progress.running])
        for work in works:
            work.progress = steps.decided(work.plan, work.progress)
        works = await self._keep(works)
        doing = [work for work in works if work.progress.starting or work.progress.ending]
        if doing:
            await self._do(doing)
            done = await self._keep(doing)
            works = [work for work in works if work not in doing or work in done]
        for work in works:
            self._watch(work)
        return [work.row for work in works]

    def _read(self, row: ScheduleRow) -> _Work | None:
        try:
            return _Work(row)
        except (DecodeError, ValueError) as error:
            logger.error("schedule %s of %s cannot be read: %s", row.schedule_id, row.namespace, error)
            return None

    async def _put_off(self, rows: dict[Key, ScheduleRow], works: Iterable[_Work]) -> None:
        """Those that could not be read are looked at later."""
        for work in works:
            del rows[work.key]
        later_us = self._environment.now_us() + UNREADABLE_US
        await self._store.update_schedules(
            [row._replace(revision=row.revision + 1, next_us=later_us) for row in rows.values()]
        )

    def _watch(self, work: _Work) -> None:
        runs = work.progress.running if steps.waits(work.plan, work.progress) else ()
        self._watches.keep(work.key, [_watched(work, run) for run in runs])

    async def _keep(self, works: Sequence[_Work]) -> list[_Work]:
        """Keep how far these have come; returns those that nobody else has changed meanwhile."""
        now_us = self._environment.now_us()
        rows = {work.key: work.kept(now_us) for work in works}
        changed = [work for work in works if rows[work.key] != work.row._replace(revision=work.row.revision + 1)]
        updated = await self._store.update_schedules([rows[work.key] for work in changed])
        for work in changed:
            if work.key in updated:
                work.row = rows[work.key]
        return [work for work in works if work not in changed or work.key in updated]

    # What shards are asked -----------------------------------------------------------------------------------------
    async def _ask(self, requests: Sequence[Any]) -> list[tuple[int, Any] | None]:
        count = self._cluster.shard_count
        # Each begins with the namespace and the id of what it is about.
        addressed = [(shard_id_for(each[0], each[1], count), each) for each in requests]
        return await self._errands.within(addressed, patience_s=PATIENCE_S) if addressed else []

    async def _do(self, works: Sequence[_Work]) -> None:
        """Do what was decided; what is not answered stays to be done."""
        starts = [(work, start) for work in works for start, _ in work.progress.starting]
        endings = [(work, ending) for work in works for ending in work.progress.ending]
        replies = await self._ask(
            [
                *(start_request(work.plan, work.progress, start) for work, start in starts),
                *(end_request(work.plan, work.progress, ending) for work, ending in endings),
            ]
        )
        for (work, start), reply in zip(starts, replies, strict=False):
            self._take_start(work, start, reply)
        for (work, ending), reply in zip(endings, replies[len(starts) :], strict=True):
            self._take_end(work, ending, reply)

    def _take_start(self, work: _Work, start: Start, reply: tuple[int, Any] | None) -> None:
        if _is_passing(reply):
            work.is_put_off = True
            return
        assert reply is not None
        kind, body = reply
        if kind == ReplyKind.ERROR:
            problem = str(decode_error(body).message)
            logger.warning("schedule %s cannot take its action: %s", work.row.schedule_id, problem)
            work.progress = steps.refused(work.progress, start, problem)
            return
        execution = execution_of(start_request(work.plan, work.progress, start), decode_started(body).run_id)
        now_us = self._environment.now_us()
        is_watched = steps.is_watched(work.plan)
        work.progress = steps.started(work.progress, start, execution, now_us, is_watched=is_watched)

    def _take_end(self, work: _Work, ending: Ending, reply: tuple[int, Any] | None) -> None:
        if _is_passing(reply):
            work.is_put_off = True
        else:  # asked, or closed before that could be asked
            work.progress = steps.ended(work.progress, ending)

    # What runs -----------------------------------------------------------------------------------------------------
    async def _look_at_running(self, works: Sequence[_Work]) -> None:
        """Note what is over of what these schedules started, if it matters."""
        asking = [(work, run) for work in works if _matters(work) for run in work.progress.running]
        while asking:
            described = await self._ask([describe_request(work.row.namespace, run) for work, run in asking])
            over = []
            for (work, run), reply in zip(asking, described, strict=True):
                if _is_passing(reply):
                    continue
                assert reply is not None
                if reply[0] == ReplyKind.ERROR:
                    work.progress = steps.closed(work.plan, work.progress, run, None)
                elif not is_open(run, reply[1]):
                    over.append((work, run))
            asking = await self._take_outcomes(over)

    async def _take_outcomes(self, over: Sequence[tuple[_Work, Running]]) -> list[tuple[_Work, Running]]:
        """How these runs ended; returns those that took over from them."""
        followed = []
        replies = await self._ask([outcome_request(*_watched(work, run)) for work, run in over])
        for (work, run), reply in zip(over, replies, strict=True):
            if reply is None or reply[0] != ReplyKind.OUTCOME:
                continue  # looked at again, the next time
            outcome: Outcome = decode_outcome(reply[1])
            if outcome.next_run_id:
                work.progress = steps.went_on(work.progress, run, outcome.next_run_id)
                followed.append((work, run._replace(run_id=outcome.next_run_id, asked=0)))
            else:
                work.progress = steps.closed(work.plan, work.progress, run, outcome)
        return followed


def _matters(work: _Work) -> bool:
    progress: Progress = work.progress
    return bool(progress.due) or steps.waits(work.plan, progress)


def _watched(work: _Work, run: Running) -> Watched:
    return Watched(work.row.namespace, run.workflow_id, run.run_id, run.is_activity)


def _is_passing(reply: tuple[int, Any] | None) -> bool:
    """Whether the same request is to be sent again later."""
    return reply is None or (reply[0] == ReplyKind.ERROR and decode_error(reply[1]).code in PASSING)
