"""Overlap: what is started, what is kept for later, and what is ended, when actions are due and one still runs.

Rules (Temporal's): actions are looked at in order. Whatever its policy, the first one is started if nothing runs; those
behind it find it running, as it were. Those that may run beside others (ALLOW_ALL) are started at once and do not
count as running.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from perdure.protocol.schedule import OverlapPolicy
from perdure_engine.core.schedule.progress import Start


class Moves(NamedTuple):
    """`first`: what is started and counts as running; `beside`: what is started and does not. `kept`: what waits for
    the end of what runs, which is to be cancelled, to be terminated, or comes by itself. `skipped`: how many were
    passed over."""

    first: Start | None
    beside: tuple[Start, ...]
    kept: tuple[Start, ...]
    cancel: bool
    terminate: bool
    skipped: int


def moves(due: Iterable[Start], *, is_running: bool, policy: int) -> Moves:
    """What is done about these actions, the oldest first. `policy` is for those that name none."""
    first: Start | None = None
    beside: list[Start] = []
    kept: list[Start] = []
    cancel = terminate = False
    skipped = 0
    for start in due:
        own = start.overlap or policy
        if own == OverlapPolicy.ALLOW_ALL:
            beside.append(start)
        elif not is_running and first is None:
            first = start
        elif own == OverlapPolicy.BUFFER_ALL or (own == OverlapPolicy.BUFFER_ONE and not kept):
            kept.append(start)
        elif own in (OverlapPolicy.CANCEL_OTHER, OverlapPolicy.TERMINATE_OTHER):
            if is_running:
                cancel |= own == OverlapPolicy.CANCEL_OTHER
                terminate |= own == OverlapPolicy.TERMINATE_OTHER
                kept.append(start)
            else:  # what would be ended has not begun: this one takes its place
                first = start
                skipped += 1
        else:
            skipped += 1
    return Moves(first, tuple(beside), tuple(kept), cancel, terminate, skipped)
