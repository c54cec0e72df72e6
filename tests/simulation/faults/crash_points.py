"""The points at which an engine may die or be stopped: at its calls to the servers, since what it does between two of
them leaves no trace outside of its memory.

Role: names each point by where it lies in the contract of a batch (ARCHITECTURE.md), and holds the trap that a fault
lays: the process falls into it at one of its next calls of that kind.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from perdure_broker.port import Outbox

if TYPE_CHECKING:
    from tests.simulation.faults.plan import Fault


class Moment(Enum):
    """BEFORE: the call has not left the process. PART: a part of it has taken effect. AFTER: it has taken effect, and
    the process does not learn of it."""

    BEFORE = "before"
    PART = "part"
    AFTER = "after"


class Point(NamedTuple):
    """`part`: of a release, the last kind of thing that gets out."""

    method: str
    moment: Moment
    part: str = ""


PARTS = ("marks", "tasks", "acks", "replies", "deletes")
"""The kinds of things in a release, in the order in which they leave."""

STEPS: dict[str, Point] = {
    "1 the inboxes are not read yet": Point("read_inboxes", Moment.BEFORE),
    "1-2 read, not loaded": Point("read_inboxes", Moment.AFTER),
    "2 asked for what is to be loaded": Point("load", Moment.BEFORE),
    "2-3 loaded, not decided": Point("load", Moment.AFTER),
    "3-4 decided, not committed": Point("commit", Moment.BEFORE),
    "4 committed, and not told": Point("commit", Moment.AFTER),
    "4-5 committed, nothing released": Point("release", Moment.BEFORE),
    "5 released up to the backlog marks": Point("release", Moment.PART, "marks"),
    "5 released up to the tasks": Point("release", Moment.PART, "tasks"),
    "5 released up to the acks": Point("release", Moment.PART, "acks"),
    "5 released up to the replies": Point("release", Moment.PART, "replies"),
    "5 released up to some inbox deletes": Point("release", Moment.PART, "deletes"),
    "5 released, and not told": Point("release", Moment.AFTER),
    "5 asked for what a read wants": Point("last_history_row", Moment.AFTER),
    "5 a read is not answered": Point("reply", Moment.BEFORE),
    "5 a read is answered, and not told": Point("reply", Moment.AFTER),
}
"""Points between and within the numbered steps."""

BESIDE: dict[str, Point] = {
    "rewind: the fence is read": Point("shards", Moment.AFTER),
    "takeover: not taken yet": Point("acquire_shard", Moment.BEFORE),
    "takeover: taken, and not told": Point("acquire_shard", Moment.AFTER),
    "takeover: timers not asked for": Point("timers", Moment.BEFORE),
    "takeover: timers read": Point("timers", Moment.AFTER),
    "handover: not let go yet": Point("release_shard", Moment.BEFORE),
    "handover: let go, and not told": Point("release_shard", Moment.AFTER),
    "repair: outstanding tasks read": Point("outstanding", Moment.AFTER),
    "repair: published tasks read": Point("published", Moment.AFTER),
    "repair: what is missing read": Point("transfer_rows", Moment.AFTER),
    "fence: the shard's owner read": Point("shard", Moment.AFTER),
    "fence: not raised yet": Point("raise_fence", Moment.BEFORE),
    "fence: raised, and not told": Point("raise_fence", Moment.AFTER),
    "dispatch: the queue's term taken": Point("take_dispatch", Moment.AFTER),
    "dispatch: backlog read": Point("backlog", Moment.AFTER),
    "dispatch: backlog not published yet": Point("publish_backlog", Moment.BEFORE),
    "dispatch: backlog published, and not told": Point("publish_backlog", Moment.AFTER),
    "dispatch: the mark not cleared yet": Point("clear_backlog", Moment.BEFORE),
    "dispatch: the mark cleared, and not told": Point("clear_backlog", Moment.AFTER),
    "limits: how a queue stands read": Point("flow_state", Moment.AFTER),
    "limits: tasks not admitted yet": Point("admit", Moment.BEFORE),
    "limits: tasks admitted, and not told": Point("admit", Moment.AFTER),
    "schedules: not kept yet": Point("update_schedules", Moment.BEFORE),
    "schedules: kept, and not done": Point("update_schedules", Moment.AFTER),
    "activities: read, not decided": Point("load_activities", Moment.AFTER),
    "leases: pending entries read": Point("scan_pending", Moment.AFTER),
    "leases: lost tasks read": Point("read_entries", Moment.AFTER),
    "leases: lost tasks not reported yet": Point("send", Moment.BEFORE),
    "leases: lost tasks reported, and not told": Point("send", Moment.AFTER),
    "visibility: not written yet": Point("upsert_visibility", Moment.BEFORE),
    "visibility: written, and not told": Point("upsert_visibility", Moment.AFTER),
    "ownership: counted": Point("beat", Moment.AFTER),
    "epoch: read": Point("epoch", Moment.AFTER),
}
"""Points in what an engine does beside its batches."""

POINTS = STEPS | BESIDE


class Trap:
    """What waits for a process at a point, for a fault of kind "at a point"."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._point = POINTS[fault.word]
        self._skip = int(fault.amount)

    def waits_at(self, method: str, moment: Moment) -> bool:
        """True when the process gets there, after as many calls as it was to skip."""
        if self._point[:2] != (method, moment):
            return False
        self._skip -= 1
        return self._skip < 0

    def part_of(self, method: str, args: tuple[Any, ...]) -> Outbox | None:
        """The part of a release that gets out, if this one is where the trap waits."""
        if self._point[:2] != (method, Moment.PART):
            return None
        part = first_part(args[0], self._point.part)
        return part if part is not None and self.waits_at(method, Moment.PART) else None


def first_part(outbox: Outbox, last: str) -> Outbox | None:
    """What leaves first, up to the first thing of kind `last`; None if there is none, or nothing comes after it."""
    things: list[tuple[str, Any]] = [
        *(("marks", stream) for stream in sorted(outbox.backlogged)),
        *(("tasks", stream) for stream in outbox.publish),
        *(("acks", key) for key in outbox.finished),
        *(("replies", sender) for sender in outbox.replies),
        *(("deletes", shard_id) for shard_id in outbox.inbox_deletes),
    ]
    kinds = [kind for kind, _ in things]
    if last not in kinds or kinds.index(last) == len(kinds) - 1:
        return None
    part = Outbox()
    for kind, key in things[: kinds.index(last) + 1]:
        if kind == "marks":
            part.backlogged.add(key)
        elif kind == "tasks":
            part.publish[key] = outbox.publish[key]
        elif kind == "acks":
            part.finished[key] = outbox.finished[key]
        elif kind == "replies":
            part.replies[key] = outbox.replies[key]
        else:
            part.inbox_deletes[key] = outbox.inbox_deletes[key]
    return part


def torn(outbox: Outbox, share: float) -> Outbox:
    """About this share of what an outbox holds, from the front."""
    kinds = [
        kind
        for kind, held in zip(
            PARTS,
            (outbox.backlogged, outbox.publish, outbox.finished, outbox.replies, outbox.inbox_deletes),
            strict=True,
        )
        if held
    ]
    last = kinds[int(share * len(kinds))] if kinds else ""
    return first_part(outbox, last) or Outbox()
