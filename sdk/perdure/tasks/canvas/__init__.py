"""Canvas: tasks put together as one durable workflow.

    (fetch.s(url) | parse.s() | store.s("pages")).delay().get(timeout=60)     # one after another
    group(fetch.s(url) for url in urls).delay().outcomes()                    # at once; each tells how it ended
    chord([count.s(page) for page in pages], total.s()).delay().get()         # then one more, with all results
    fetch.map(urls), add.starmap(pairs), add.chunks(pairs, 100)               # in order; in pieces, at once

Every step is an activity on the queue of its task, with the task's retries and limits. What has been done is not done
again, whoever dies.
"""

from perdure.tasks.canvas.failures import (
    CanvasError,
    CanvasTooLarge,
    ChainError,
    ChordError,
    FailedMember,
    GroupError,
    MapError,
)
from perdure.tasks.canvas.handle import CanvasHandle, GroupHandle, Outcome
from perdure.tasks.canvas.signature import Chain, Chord, Group, Mapped, Signature, TaskSignature, chain, chord, group

__all__ = [
    "CanvasError",
    "CanvasHandle",
    "CanvasTooLarge",
    "Chain",
    "ChainError",
    "Chord",
    "ChordError",
    "FailedMember",
    "Group",
    "GroupError",
    "GroupHandle",
    "MapError",
    "Mapped",
    "Outcome",
    "Signature",
    "TaskSignature",
    "chain",
    "chord",
    "group",
]
