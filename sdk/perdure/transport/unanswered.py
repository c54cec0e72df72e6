"""The requests of one sender that have not had their last reply: when each is due again, and what a reply does to it.

Role: the rules of sending again, without I/O. The caller gives the time (monotonic seconds), sends the rows that it is
handed, and feeds the replies in.

Rules:
- A request is sent again, under the same number, until it has its reply: first after 5 s, then with backoff and jitter.
  Every request is idempotent, so that this is always safe.
- A request that waits for a run to close has two replies: the first one registers the waiter (in the memory of the
  shard's owner, which may change), the second is the outcome. From the first on it is renewed as `AwaitResult`.
- RESOURCE_EXHAUSTED and UNAVAILABLE mean "later": sent again after the time the engine asks for.
- A request with a deadline is given up at its deadline, one without never.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from perdure.protocol.activity_executions import AwaitActivity, StartActivity
from perdure.protocol.content import ContentBlock
from perdure.protocol.frontend import numbered_frontend_request
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, decode_error, decode_started
from perdure.protocol.requests import AwaitResult, StartWorkflow, StartWorkflowWith, numbered_request
from perdure.protocol.updates import AwaitUpdate, UpdateReply, UpdateStage, UpdateWorkflow, decode_update_reply

FRONTEND = -1
"""In place of a shard id: the frontend stream, which any engine reads."""

RESEND_AFTER_S = 5.0
"""Until a request without a reply is sent again: well above the longest healthy reply, below a user's patience."""

RESEND_AFTER_MAX_S = 30.0

RENEW_AFTER_S = 10.0
"""Until a waiter for a result says again that it waits; doubles up to the next constant. Short at first, because the
owner that knew of it may have died, and most runs that last are over soon after."""

RENEW_AFTER_MAX_S = 60.0

REFUSALS_MAX = 10
"""How often a request with a deadline accepts RESOURCE_EXHAUSTED before its caller is told."""

_REFUSED_AFTER_S = 0.2

Row = tuple[Any, ...]
"""A request as an envelope holds it: number, kind, fields, and the content beside it if there is some."""


class Reply(NamedTuple):
    """The last reply to a request: `kind` is OK, OUTCOME or ERROR; `body` is raw, for `replies.decode_*`."""

    kind: int
    body: Any


OnReply = Callable[[int, Any], None]
Waiter = asyncio.Future[Reply] | OnReply


_UPDATES = (UpdateWorkflow, AwaitUpdate, StartWorkflowWith)


def _awaits_outcome(request: Any) -> bool:
    """Whether the first reply to this request may not be its last."""
    kind = type(request)
    if kind is StartWorkflow:
        return bool(request.wait_result)
    if kind is StartActivity:
        return bool(request.wait_result)
    if kind is StartWorkflowWith:
        return request.update is not None
    return kind is AwaitResult or kind is AwaitActivity or kind is UpdateWorkflow or kind is AwaitUpdate


class Unanswered:
    """One request. `due` is when it is sent again, `deadline` when it is given up (`inf`: never)."""

    __slots__ = ("awaits_outcome", "deadline", "due", "is_registered", "refusals", "row", "sends", "shard_id", "waiter")

    def __init__(self, shard_id: int, row: Row, waiter: Waiter, due: float, deadline: float) -> None:
        self.shard_id = shard_id
        self.row = row
        self.waiter = waiter
        self.due = due
        self.deadline = deadline
        self.sends = 1
        self.refusals = 0
        self.awaits_outcome = _awaits_outcome(row[2])
        self.is_registered = False

    @property
    def is_abandoned(self) -> bool:
        """The caller no longer waits (its task was cancelled)."""
        return isinstance(self.waiter, asyncio.Future) and self.waiter.done()


class UnansweredRequests:
    """The table, by number. `rng` gives the jitter.

    Attributes:
        is_misrouted: A reply said that our shard map is old: read a fresh one, then `reroute`.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self.is_misrouted = False
        self._by_number: dict[int, Unanswered] = {}
        self._last_number = 0
        self._random = (rng or random.Random()).random

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def add(
        self,
        shard_id: int,
        request: Any,
        waiter: Waiter,
        now: float,
        deadline: float,
        content: ContentBlock | None = None,
    ) -> Row:
        """Number a request and remember it; the row is to be sent now."""
        self._last_number = number = self._last_number + 1
        row: Row = (
            numbered_request(number, request, content) if shard_id >= 0 else numbered_frontend_request(number, request)
        )
        self._by_number[number] = Unanswered(shard_id, row, waiter, now + RESEND_AFTER_S, deadline)
        return row

    def answered(self, number: int, kind: int, body: Any, now: float) -> Waiter | None:
        """Take one reply in, and return who is to be given it, if it is the last one. Replies to what is no longer
        asked mean nothing (a repeated request has two).

        Raises:
            DecodeError: the reply is malformed; the request stays.
        """
        entry = self._by_number.get(number)
        if entry is None:
            return None
        if kind == ReplyKind.ERROR:
            return self._refused(number, entry, decode_error(body), now)
        if entry.awaits_outcome and kind != ReplyKind.OUTCOME:
            self._registered(number, entry, kind, body, now)
            return None
        del self._by_number[number]
        return entry.waiter

    def due(self, now: float) -> Iterator[tuple[int, Row]]:
        """Shard and row of every request that is to be sent again now. Drops those whose caller has gone."""
        abandoned = []
        for number, entry in self._by_number.items():
            if entry.is_abandoned:
                abandoned.append(number)
            elif entry.due <= now:
                first, longest = (
                    (RENEW_AFTER_S, RENEW_AFTER_MAX_S) if entry.is_registered else (RESEND_AFTER_S, RESEND_AFTER_MAX_S)
                )
                wait = min(first * 2 ** min(entry.sends, 10), longest)
                entry.due = now + wait * (0.75 + 0.25 * self._random())
                entry.sends += 1
                yield entry.shard_id, entry.row
        for number in abandoned:
            del self._by_number[number]

    def expired(self, now: float) -> list[Waiter]:
        """Give up what is past its deadline; the waiters are to be told."""
        numbers = [number for number, entry in self._by_number.items() if entry.deadline <= now]
        return [self._by_number.pop(number).waiter for number in numbers]

    def give_up(self, number: int) -> Waiter | None:
        """Forget one request; its waiter is to be told why."""
        entry = self._by_number.pop(number, None)
        return None if entry is None else entry.waiter

    def hasten(self, now: float) -> None:
        """Make every request due at once: what the server held is lost, or what it replied."""
        for entry in self._by_number.values():
            entry.due = now

    def reroute(self, shard_count: int) -> None:
        """Follow a new shard map: whatever names its workflow finds its shard again."""
        self.is_misrouted = False
        for entry in self._by_number.values():
            request = entry.row[2]
            name = getattr(request, "workflow_id", None) or getattr(request, "activity_id", None)
            if entry.shard_id != FRONTEND and name is not None:
                entry.shard_id = shard_id_for(request.namespace, name, shard_count)

    def give_up_all(self) -> list[Waiter]:
        """Forget everything; the waiters are to be told."""
        waiters = [entry.waiter for entry in self._by_number.values()]
        self._by_number.clear()
        return waiters

    def _registered(self, number: int, entry: Unanswered, kind: int, body: Any, now: float) -> None:
        """The run is known and open: from here on there is no deadline, and only the waiting is renewed."""
        request = entry.row[2]
        if type(request) in _UPDATES:
            self._update_registered(number, entry, decode_update_reply(body), now)
            return
        if kind == ReplyKind.OK and type(request) is StartWorkflow:
            run_id = decode_started(body).run_id
            entry.row = numbered_request(number, AwaitResult(request.namespace, request.workflow_id, run_id))
        elif kind == ReplyKind.OK and type(request) is StartActivity:
            run_id = decode_started(body).run_id
            entry.row = numbered_request(number, AwaitActivity(request.namespace, request.activity_id, run_id))
        if entry.is_registered:
            return
        entry.is_registered = True
        entry.deadline = float("inf")
        # A start that was repeated may have closed before the repetition arrived: ask at once.
        repeated = entry.sends > 1 and type(request) in (StartWorkflow, StartActivity)
        entry.due = now if repeated else now + RENEW_AFTER_S * (0.75 + 0.25 * self._random())
        entry.sends = 0

    def _update_registered(self, number: int, entry: Unanswered, reply: UpdateReply, now: float) -> None:
        """There is no deadline from here on. What is only admitted lives in the memory of the shard's owner, and is
        sent again as if nobody had answered; what is accepted is durable, and only the waiting for it is renewed."""
        entry.deadline = float("inf")
        if reply.stage < UpdateStage.ACCEPTED:
            entry.due = max(entry.due, now + RESEND_AFTER_S)
            return
        request: Any = entry.row[2]
        if type(request) is not AwaitUpdate:
            update: Any = request.update if type(request) is StartWorkflowWith else request
            awaiting = AwaitUpdate(
                update.namespace, update.workflow_id, reply.run_id, update.update_id, update.wait_stage
            )
            entry.row = numbered_request(number, awaiting)
        if not entry.is_registered:
            entry.is_registered = True
            entry.due = now + RENEW_AFTER_S * (0.75 + 0.25 * self._random())
            entry.sends = 0

    def _refused(self, number: int, entry: Unanswered, error: ErrorReply, now: float) -> Waiter | None:
        if error.code == ErrorCode.WRONG_SHARD:
            entry.refusals += 1
            if entry.refusals <= REFUSALS_MAX or entry.deadline == float("inf"):
                entry.due = now + _REFUSED_AFTER_S
                self.is_misrouted = True
                return None
        elif error.code in (ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE):
            entry.refusals += 1
            if entry.refusals <= REFUSALS_MAX or entry.deadline == float("inf"):
                asked = error.retry_after_ms / 1000 or _REFUSED_AFTER_S * 2 ** min(entry.refusals, 6)
                entry.due = now + asked * (1.0 + 0.5 * self._random())
                return None
        del self._by_number[number]
        return entry.waiter
