"""The outside ledger: what really happened, in files that no server under test knows of.

Role: workers write the effects of activities, drivers write what they asked for and what they were told. One line an
entry, written whole in append mode, so that lines of many processes do not mix and a kill -9 of any of them loses none:
what was written is in the page cache of the machine, which is not killed.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perdure import activity

ENVIRONMENT = "PERDURE_CHAOS_LEDGER"
"""Names the directory of the ledger to worker and driver processes."""

_EFFECTS = "effects.jsonl"
_CLOSED = "closed"

WORKFLOWS, TASKS = "driver", "tasks"
"""What the entries of a driver are about; a part of the name of its file."""


@dataclass(frozen=True)
class Effect:
    """Something that an attempt of an activity did. `note` is `begin` for its first act, else whatever it says.

    `at` is the wall clock of the machine, without any skew that a process was given.
    """

    workflow: str
    activity_id: str
    activity_type: str
    attempt: int
    note: str
    at: float
    pid: int


@dataclass(frozen=True)
class Entry:
    """What a driver asked or was told about a workflow: `what` is one of the names below."""

    workflow: str
    what: str
    value: Any
    at: float


# A try, and its acknowledgement.
START, STARTED = "start", "started"
SEND, SENT = "send", "sent"
SEEN = "seen"
CANCEL, CANCELED = "cancel", "canceled"
ENDED = "ended"


def true_time() -> float:
    """The machine's clock, also in a process whose `time` module is skewed (see `clocked`)."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def append(path: Path, entry: Any) -> None:
    with open(path, "ab", buffering=0) as ledger:
        ledger.write(json.dumps(asdict(entry)).encode() + b"\n")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        complete = path.read_text().rpartition("\n")[0]  # the last line may be on its way
        for line in complete.splitlines():
            yield json.loads(line)


def effect(note: str = "begin") -> None:
    """Write down, from within an activity, that it does something now."""
    info = activity.info()
    line = Effect(
        info.workflow_id or "", info.activity_id, info.activity_type, info.attempt, note, true_time(), os.getpid()
    )
    append(Path(os.environ[ENVIRONMENT]) / _EFFECTS, line)


class DriverLedger:
    """The file of one driver, which it goes on with when it was killed and started again."""

    def __init__(self, directory: Path, driver: str, *, kind: str = WORKFLOWS) -> None:
        self._path = directory / f"{driver}.{kind}.jsonl"
        self._closed = directory / _CLOSED

    @property
    def is_closed(self) -> bool:
        """No workflow is to be begun any more."""
        return self._closed.exists()

    def note(self, workflow: str, what: str, value: Any = None) -> None:
        append(self._path, Entry(workflow, what, value, true_time()))

    def entries(self) -> list[Entry]:
        return [Entry(**line) for line in read_lines(self._path)]


@dataclass(frozen=True)
class Books:
    """All of a ledger, as it is when a campaign is over."""

    effects: dict[str, list[Effect]]
    """By workflow, in order of time."""

    entries: dict[str, list[Entry]]
    """By workflow, in the order in which its driver wrote them."""


def close_ledger(directory: Path) -> None:
    """Tell all drivers, those too that are just starting, to begin no more workflows."""
    (directory / _CLOSED).touch()


def count_effects(directory: Path) -> int:
    path = directory / _EFFECTS
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_books(directory: Path) -> Books:
    effects: defaultdict[str, list[Effect]] = defaultdict(list)
    for line in read_lines(directory / _EFFECTS):
        effects[line["workflow"]].append(Effect(**line))
    return Books(dict(effects), read_entries(directory, WORKFLOWS))


def read_entries(directory: Path, kind: str) -> dict[str, list[Entry]]:
    """What drivers wrote about workflows, or about tasks, by its id."""
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for path in sorted(directory.glob(f"*.{kind}.jsonl")):
        for line in read_lines(path):
            entries[line["workflow"]].append(Entry(**line))
    return dict(entries)
