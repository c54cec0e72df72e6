"""Intake: from inbox entries and due timers to one decided batch.

Role: steps 1 to 3 of the contract of a batch. It bounds the batch, decodes, has everything loaded, decides each request
in order, and sets aside what cannot be carried out, so that neighbours never wait for it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack
from perdure.protocol.ids import is_run_id, shard_id_for
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import (
    ReportUnreadable,
    ResetWorkflow,
    SentRequest,
    StartActivity,
    StartWorkflow,
    StartWorkflowWith,
    decode_envelope,
    decode_request,
)
from perdure_broker.port import Broker, ClusterInfo, StreamEntry
from perdure_engine.environment import Environment
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.deciding import Decider
from perdure_engine.history.loading import Loaded, load
from perdure_engine.history.lookup import Key, Lookup
from perdure_engine.history.post import Post
from perdure_engine.history.resetting import HistoryReader
from perdure_engine.history.routing import Routing
from perdure_engine.history.shard import Shard
from perdure_engine.history.standalone import StandaloneActivities
from perdure_engine.history.sticky import StickyTask
from perdure_engine.history.windows import Windows
from perdure_store.port import ActivityKey, BatchRejected, DeadLetterRow, ExecutionKey, Store, TimerKey, TimerRow

logger = logging.getLogger("perdure.engine.intake")

REQUESTS_MAX = 500
"""Requests of one batch."""

DECIDED_AT_ONCE = 64
"""Requests decided (about 25 us each) before others get their turn of the event loop: the batches before this one are
being sent, and released (measured: 7 per cent more workflows a second at 1,000 at once)."""

TIMERS_MAX = 1_000

ENVELOPE_REQUESTS_MAX = 1_000
"""Requests of one inbox entry: ten times what a sender puts there. Each that is malformed is kept by itself."""

LETTER_BYTES_MAX = 64 * 1024 * 1024
"""Bytes that are kept whole in the dead letters: more than the largest request."""

LETTER_BYTES_KEPT = 64 * 1024
"""Bytes that are kept of what is larger, to see what it is: it can never be sent again."""

REASON_LENGTH_MAX = 10_000

NOTHING_LOADED = Loaded()


class Undecidable(Exception):
    """Deciding raised in the middle: the batch is spoiled, and so is every state it touched. Who is guilty is known."""

    def __init__(self, shard: Shard, reason: str, place: tuple[bytes, int] | None, timer: TimerRow | None) -> None:
        super().__init__(reason)
        self.shard = shard
        self.reason = reason
        self.place = place
        self.timer = timer


class Unloadable(Exception):
    """The store refuses to look up what one of the requests of this batch names. `batch` holds no more than who may be
    guilty."""

    def __init__(self, batch: Batch, reason: str) -> None:
        super().__init__(reason)
        self.batch = batch
        self.reason = reason


class Intake:
    """Builds batches.

    Attributes:
        limit: requests that a batch may hold; lowered while a guilty one is looked for.
        suspects: shards one of which has the guilty one. They are read first: else whatever comes in for others would
            fill the small batches, whose success lets them grow again, and the guilty one would never be alone.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        cache: ExecutionCache,
        decider: Decider,
        windows: Windows,
        cluster: ClusterInfo,
        post: Post,
        settle: Callable[[], Awaitable[None]],
        routing: Routing,
        standalone: StandaloneActivities,
    ) -> None:
        self._standalone = standalone
        self._store = store
        self._histories = HistoryReader(store, cache, settle)
        self._broker = broker
        self._environment = environment
        self._cache = cache
        self._decider = decider
        self._lookup = Lookup(cache, standalone)
        self._windows = windows
        self._post = post
        self._routing = routing
        self._map_version = cluster.map_version
        self._shard_count = cluster.shard_count
        self.limit = REQUESTS_MAX
        self.suspects: dict[int, None] = {}
        self.sheds = False

    async def build(
        self,
        shards: Mapping[int, Shard],
        reads: list[tuple[int, list[StreamEntry]]],
        redirects: list[StickyTask],
    ) -> Batch:
        """One decided batch, not yet sealed.

        Raises:
            Undecidable: rewind, and build again.
            Unloadable: nothing was changed; build again with less.
            StoreUnavailable: nothing was changed; build again.
        """
        clock_us = self._environment.now_us()
        # While the clock is behind it moves on all the same: two timers of one kind must not get the same key.
        now_us = max([clock_us, *(shard.time_us + (clock_us < shard.time_us) for shard in shards.values())])
        batch = Batch(now_us, self._environment.monotonic(), self._windows, self._post, self._routing)
        arrivals = await self._take(batch, shards, reads)
        due = self._take_due(shards, now_us, bool(arrivals))
        keys = [key for item in arrivals if (key := self._key_for(item)) is not None]
        keys.extend(key for _, row in due if (key := self._lookup.key_for_timer(row)) is not None)
        resets = [item for item in arrivals if type(item.sent.request) is ResetWorkflow]
        loaded = NOTHING_LOADED
        if keys or resets:
            try:
                loaded = await self._load(keys)
                if resets:
                    await self._histories.read(resets, loaded)
            except BaseException as error:
                for shard, row in due:
                    shard.timers.put_back([row])
                if isinstance(error, BatchRejected):
                    _note_guilty(batch, arrivals, due)
                    raise Unloadable(batch, str(error)) from error
                raise
        self._advance(batch, shards, reads)
        for start in range(0, len(arrivals), DECIDED_AT_ONCE):
            if start:
                await self._environment.sleep(0)
            for item in arrivals[start : start + DECIDED_AT_ONCE]:
                self._decide(batch, item, loaded)
        for shard, row in due:
            self._fire(batch, shard, row, loaded)
        for shard_id, run_id, event_id, attempt in redirects:
            if shard_id in shards:
                self._decider.redirect(batch, shards[shard_id], run_id, event_id, attempt)
        _note_guilty(batch, arrivals, due)
        for draft in batch.drafts.values():
            batch.touch(draft.shard)
        for shard in batch.shards.values():
            shard.tick(now_us)
        return batch

    async def _load(self, keys: Sequence[Key]) -> Loaded:
        runs = [key for key in keys if type(key) is ExecutionKey]
        loaded = await load(self._store, self._cache, runs)
        if len(runs) < len(keys):
            loaded.activities = await self._standalone.load([key for key in keys if type(key) is ActivityKey])
        return loaded

    # Taking in -----------------------------------------------------------------------------------------------------

    async def _take(
        self, batch: Batch, shards: Mapping[int, Shard], reads: list[tuple[int, list[StreamEntry]]]
    ) -> list[Arrival]:
        """Decode entries until the batch is full, and cut what was read down to what was taken. An entry that is taken
        apart is alone in its batch: should another request have that refused, it would be taken apart once more."""
        arrivals: list[Arrival] = []
        is_full = False
        for shard_id, entries in sorted(reads, key=self._is_above_suspicion) if self.suspects else reads:
            shard = shards[shard_id]
            taken = 0
            for entry in entries:
                if is_full or len(arrivals) >= self.limit:
                    break
                if entry.entry_id in shard.split and not shard.is_done(entry.entry_id):
                    is_full = True
                    if arrivals:
                        break
                    await self._take_apart(shard, entry)
                    taken += 1
                    break
                taken += 1
                if not shard.is_done(entry.entry_id):
                    self._decode(batch, shard, entry, arrivals)
            del entries[taken:]
        return arrivals

    def _is_above_suspicion(self, read: tuple[int, list[StreamEntry]]) -> bool:
        return read[0] not in self.suspects

    def _decode(self, batch: Batch, shard: Shard, entry: StreamEntry, arrivals: list[Arrival]) -> None:
        try:
            map_version, sender, rows = decode_envelope(entry.data)
        except DecodeError as error:
            logger.error("an inbox entry of shard %d is not readable: %s", shard.shard_id, error)
            self._bury(batch, shard, str(error), entry.data)
            return
        if len(rows) > ENVELOPE_REQUESTS_MAX:
            excess = f"an envelope with {len(rows)} requests; at most {ENVELOPE_REQUESTS_MAX} are taken"
            logger.error("an inbox entry of shard %d holds %s", shard.shard_id, excess)
            self._bury(batch, shard, excess, entry.data)
            return
        for index, row in enumerate(rows):
            try:
                sent = decode_request(row)
            except DecodeError as error:
                number = row[0] if type(row) is tuple and row and type(row[0]) is int else 0
                self._refuse(batch, shard, sender, number, row, str(error), ErrorCode.INVALID_ARGUMENT)
                continue
            if map_version != self._map_version:
                message = "the shard map has changed; read it again and send the request to the right shard"
                batch.reply(sender, sent.number, ReplyKind.ERROR, ErrorReply(ErrorCode.WRONG_SHARD, message))
                continue
            reason = shard.poisoned.get((entry.entry_id, index))
            if reason is not None:
                self._refuse_arrival(batch, Arrival(shard, entry.entry_id, index, sender, sent, row), reason)
                continue
            if type(sent.request) is ReportUnreadable:
                self._keep_unreadable(batch, shard, sender, sent)
                continue
            if not self._belongs_to(shard, sent.request):
                message = "the workflow belongs to another shard; read the shard map again and send the request there"
                batch.reply(sender, sent.number, ReplyKind.ERROR, ErrorReply(ErrorCode.WRONG_SHARD, message))
                continue
            problem = self._run_id_problem(sent.request)
            if problem is not None:
                batch.reply(sender, sent.number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, problem))
                continue
            if self.sheds and isinstance(sent.request, StartWorkflow | StartWorkflowWith | StartActivity):
                message = "the engines are behind with their work; start again later"
                refusal = ErrorReply(ErrorCode.RESOURCE_EXHAUSTED, message, retry_after_ms=1_000)
                batch.reply(sender, sent.number, ReplyKind.ERROR, refusal)
                continue
            arrivals.append(Arrival(shard, entry.entry_id, index, sender, sent, row))

    async def _take_apart(self, shard: Shard, entry: StreamEntry) -> None:
        """One request of this entry cannot be committed: each goes back into the inbox alone."""
        map_version, sender, rows = decode_envelope(entry.data)
        await self._broker.send([(shard.shard_id, pack((CODEC_VERSION, map_version, sender, (row,)))) for row in rows])

    def _advance(self, batch: Batch, shards: Mapping[int, Shard], reads: list[tuple[int, list[StreamEntry]]]) -> None:
        for shard_id, entries in reads:
            if entries:
                shard = shards[shard_id]
                last = entries[-1].entry_id
                shard.read_from = last
                if not shard.is_done(last):
                    shard.cursor = last
                batch.touch(shard)
                batch.outbox.inbox_deletes.setdefault(shard_id, []).extend(entry.entry_id for entry in entries)

    def _take_due(self, shards: Mapping[int, Shard], now_us: int, busy: bool) -> list[tuple[Shard, TimerRow]]:
        if busy and self.limit < REQUESTS_MAX:
            return []
        room = min(TIMERS_MAX, self.limit)
        due: list[tuple[Shard, TimerRow]] = []
        for shard in shards.values():
            for row in shard.timers.take_due(now_us, room - len(due)):
                due.append((shard, row))
        return due

    # Deciding ------------------------------------------------------------------------------------------------------

    def _key_for(self, item: Arrival) -> Key | None:
        try:
            return self._lookup.key_for(item)
        except Exception as error:  # as for its decision
            logger.exception("looking for what a %s names raised", type(item.sent.request).__name__)
            raise Undecidable(item.shard, _reason(error), (item.entry_id, item.place), None) from error

    def _decide(self, batch: Batch, item: Arrival, loaded: Loaded) -> None:
        if loaded.broken or loaded.activities.broken:
            reason = loaded.broken_reason(item.sent.request)
            if reason is not None:
                self._refuse_arrival(batch, item, reason)
                return
        try:
            self._decider.decide(batch, item, loaded)
        except (
            Exception
        ) as error:  # the top of one decision: whatever it raised is this request's fault, not its peers'
            logger.exception("deciding a %s raised", type(item.sent.request).__name__)
            raise Undecidable(item.shard, _reason(error), (item.entry_id, item.place), None) from error

    def _fire(self, batch: Batch, shard: Shard, row: TimerRow, loaded: Loaded) -> None:
        batch.touch(shard)
        key = TimerKey(*row[:5])
        reason = (
            shard.poisoned_timers.pop(key, None)
            or loaded.broken.get(row.run_id)
            or loaded.activities.broken.get(row.run_id)
        )
        if reason is not None:
            batch.fire(key)
            self._bury(batch, shard, reason, pack(tuple(row)), source="timer")
            return
        try:
            self._decider.fire(batch, shard, row, loaded)
        except Exception as error:  # as above
            logger.exception("deciding a timer raised")
            raise Undecidable(shard, _reason(error), None, row) from error

    # Setting aside -------------------------------------------------------------------------------------------------

    def _refuse_arrival(self, batch: Batch, item: Arrival, reason: str) -> None:
        if self._decider.refuse_message(batch, item.shard, item.sent.request):
            logger.warning("the answer to a message cannot be taken in: %s", reason)
            return
        self._refuse(batch, item.shard, item.sender, item.sent.number, item.row, reason, ErrorCode.DEAD_LETTERED)

    def _refuse(
        self, batch: Batch, shard: Shard, sender: str, number: int, row: Any, reason: str, code: ErrorCode
    ) -> None:
        """Keep a request that cannot be carried out among the dead letters, and tell its sender."""
        letter_id = self._bury(batch, shard, reason, pack((CODEC_VERSION, self._map_version, sender, (row,))))
        message = f"{reason} (kept as dead letter {letter_id})"
        batch.reply(sender, number, ReplyKind.ERROR, ErrorReply(code, message))

    def _belongs_to(self, shard: Shard, request: Any) -> bool:
        """Whether a request that names a workflow came to its shard: two shards must never both know one."""
        name = getattr(request, "workflow_id", None) or getattr(request, "activity_id", None)
        return name is None or shard.shard_id == shard_id_for(request.namespace, name, self._shard_count)

    def _run_id_problem(self, request: Any) -> str | None:
        """Why the run that a request names cannot be, or None. Only one that names its workflow may leave it out."""
        run_id = getattr(request, "run_id", None)
        if run_id is None or self._lookup.knows(run_id) or is_run_id(run_id):
            return None
        if run_id == "" and (hasattr(request, "workflow_id") or hasattr(request, "activity_id")):
            return None
        return f"there is no run {run_id[:100]!r}: a run id is a UUID in lower case, as a start returns it"

    def _keep_unreadable(self, batch: Batch, shard: Shard, sender: str, sent: SentRequest) -> None:
        """What others could not read; a task entry is finished once it is kept."""
        report: ReportUnreadable = sent.request
        self._bury(batch, shard, report.reason, report.data, report.source)
        batch.finish(report.stream, report.entry_id, "")
        batch.reply(sender, sent.number, ReplyKind.OK, None)

    def _bury(self, batch: Batch, shard: Shard, reason: str, data: bytes, source: str = "inbox") -> str:
        if len(data) > LETTER_BYTES_MAX:
            reason = f"{reason} (the first {LETTER_BYTES_KEPT} of {len(data)} bytes are kept)"
            data, source = data[:LETTER_BYTES_KEPT], f"{source}, cut"
        letter_id = str(uuid.UUID(int=self._environment.random.getrandbits(128), version=4))
        batch.touch(shard)
        batch.commit.dead_letters.append(
            DeadLetterRow(shard.shard_id, letter_id, batch.now_us, source, _storable(reason)[:REASON_LENGTH_MAX], data)
        )
        return letter_id


def _note_guilty(batch: Batch, arrivals: list[Arrival], due: list[tuple[Shard, TimerRow]]) -> None:
    """Should the store refuse the batch, one of these is to blame."""
    batch.places = [(item.shard, item.entry_id, item.place) for item in arrivals]
    batch.fired = [(shard, TimerKey(*row[:5])) for shard, row in due]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _storable(text: str) -> str:
    """Text that a database takes."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
