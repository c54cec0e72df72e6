"""Chance in workflows: numbers and ids that nobody foresees, and that are the same on every replay."""

from __future__ import annotations

import random as random_module
import uuid

from perdure.workflow.runtime import current

_MS_48_BITS = 0xFFFF_FFFF_FFFF


def random() -> random_module.Random:
    """The workflow's own source of chance, seeded from its run id: the same on every replay.

    A query handler gets another one, so that asking changes nothing.
    """
    return current().random


def random_seed() -> int:
    """The seed of `random()`: for sources of chance of one's own."""
    return current().random_seed


def new_random(name: str | None = None) -> random_module.Random:
    """A further source of chance, the same on every replay.

    Args:
        name: Sources of different names give different numbers, each its own in any order of use. Without one it gives
            from the beginning what `random()` gave.
    """
    seed = current().random_seed
    return random_module.Random(seed if name is None else f"{seed}:{name}")


def uuid4() -> uuid.UUID:
    """A UUID that is the same on every replay. Not a secret: it follows from the run id."""
    return uuid.UUID(int=current().random.getrandbits(128), version=4)


def uuid7() -> uuid.UUID:
    """A UUID that begins with the workflow's time, so that later ones sort behind; else as `uuid4`."""
    runtime = current()
    bits = (runtime.now_us // 1_000 & _MS_48_BITS) << 80 | runtime.random.getrandbits(80)
    return uuid.UUID(int=bits & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    """What `uuid.uuid1` gives inside a workflow: the workflow's time, and a node that is no machine's."""
    runtime = current()
    if node is None:
        node = runtime.random.getrandbits(48) | 1 << 40  # the bit of addresses that no card has
    if clock_seq is None:
        clock_seq = runtime.random.getrandbits(14)
    since_1582 = runtime.now_us * 10 + _UNIX_EPOCH_SINCE_1582 + runtime.random.getrandbits(3)
    time_low, time_mid, time_high = since_1582 & 0xFFFF_FFFF, since_1582 >> 32 & 0xFFFF, since_1582 >> 48 & 0x0FFF
    return uuid.UUID(fields=(time_low, time_mid, time_high, clock_seq >> 8 & 0x3F, clock_seq & 0xFF, node), version=1)


_UNIX_EPOCH_SINCE_1582 = 0x01B2_1DD2_1381_4000
"""Tenths of microseconds from the calendar's reform, where UUIDs begin, to 1970 (RFC 9562)."""
