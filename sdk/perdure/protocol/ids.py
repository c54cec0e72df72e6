"""Names, their limits, and where an execution lives."""

from __future__ import annotations

import functools
import hashlib
import re
import uuid

ID_LENGTH_MAX = 1000
"""Characters of a workflow id, activity id, request id, signal name, type or task queue (Temporal's limit)."""

DEFAULT_NAMESPACE = "default"

_RUN_ID_SPACE = uuid.UUID("6c0d6c2f-7a5b-5c57-9d4e-6a1c1b2f0e55").bytes


def shard_id_for(namespace: str, workflow_id: str, shard_count: int) -> int:
    """The shard that owns an execution: a range of a 64-bit hash, so that a shard can be split one day."""
    digest = hashlib.blake2b(f"{namespace}\0{workflow_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") * shard_count) >> 64


@functools.lru_cache(maxsize=4096)
def run_id_for_start(namespace: str, workflow_id: str, request_id: str) -> str:
    """The run id of a start: a function of its request, so that the store's primary key refuses a repeated one."""
    return _run_id_of(f"{namespace}\0{workflow_id}\0{request_id}")


def run_id_after(run_id: str) -> str:
    """The run id of the run that follows this one, which is at most one: no namespace is empty, so that it is no other
    start's."""
    return _run_id_of(f"\0next\0{run_id}")


def run_id_for_child(parent_run_id: str, initiated_event_id: int) -> str:
    """The first run id of a child: a function of who asked for it, so that a start that arrives twice makes one run."""
    return _run_id_of(f"\0child\0{parent_run_id}\0{initiated_event_id}")


def run_id_for_reset(run_id: str, request_id: str) -> str:
    """The run id of the run that a reset of this one begins: a function of its request, as that of a start."""
    return _run_id_of(f"\0reset\0{run_id}\0{request_id}")


FIRST_EXECUTION = 1 << 40
"""Numbers of executions of activities without a workflow begin here, which is November 2004 in milliseconds: they stand
where activities of workflows have the id of an event, and events do not come so far."""

LAST_EXECUTION = (1 << 63) - 1
"""The largest number that a store can keep."""


@functools.lru_cache(maxsize=4096)
def activity_execution_id(namespace: str, activity_id: str) -> str:
    """What stands for the run id in the tasks and rows of an activity without a workflow."""
    return _run_id_of(f"\0activity\0{namespace}\0{activity_id}")


def activity_run_id(execution_id: str, number: int) -> str:
    """The run id of one execution, as users see it: a UUID of version 7, whose time is the number."""
    return f"{number >> 16:08x}-{number & 0xFFFF:04x}-7{execution_id[15:]}"


def execution_number(execution_id: str, run_id: str) -> int | None:
    """The inverse of `activity_run_id`; None if this is no run id of this activity id."""
    if not is_run_id(run_id) or run_id[14:] != "7" + execution_id[15:]:
        return None
    return int(run_id[:8] + run_id[9:13], 16)


def _run_id_of(name: str) -> str:
    # What uuid.uuid5 does, at a third of its cost: this runs for every start.
    digest = hashlib.sha1(_RUN_ID_SPACE + name.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@functools.lru_cache(maxsize=4096)
def is_run_id(text: str) -> bool:
    """Whether a text can be a run id: a UUID in its canonical form, the only one that a database takes for one.

    Remembered, since the thousands of tasks of one fan-out name the same run.
    """
    return _RUN_ID.fullmatch(text) is not None


def text_problem(name: str, value: object) -> str | None:
    """What is wrong with an identifier, or None. The text says what is allowed."""
    if type(value) is str and value.isascii() and 0 < len(value) <= ID_LENGTH_MAX and "\0" not in value:
        return None  # what nearly every identifier is, told without encoding it
    if not isinstance(value, str):
        return f"{name} must be text, not {type(value).__name__}"
    if not value:
        return f"{name} must not be empty"
    if len(value) > ID_LENGTH_MAX:
        return f"{name} has {len(value)} characters; the limit is {ID_LENGTH_MAX}"
    if "\0" in value:
        return f"{name} contains a NUL character (\\0), which the store cannot keep; remove it"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{name} contains an unpaired surrogate, which is not valid Unicode text; remove it"
    return None
