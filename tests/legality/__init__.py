"""Which histories are legal: a checker that knows the rules of events and nothing of the engine.

It is written from what the engine must mean (Temporal's event types, references and order, and the annotations between
them), and imports nothing that the engine decides or folds with, so that both cannot be wrong in the same way. Each
module reads whole histories with one subject in mind.

    violations(records)   everything that is wrong with a history, its annotations included
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from perdure.protocol.events import HistoryEvent
from tests.legality.activities import Activities
from tests.legality.buffer import Buffer
from tests.legality.children import Children
from tests.legality.commands import Commands
from tests.legality.outside import Outside
from tests.legality.sequence import Sequence as EventSequence
from tests.legality.timers import Timers
from tests.legality.updates import Updates
from tests.legality.workflow_tasks import WorkflowTasks

__all__ = ["Violation", "violations"]


class Reader(Protocol):
    """Reads one history from its first record to its last, and says what it finds wrong."""

    def take(self, record: HistoryEvent) -> Iterator[str]: ...


READERS: list[type[Reader]] = [
    EventSequence,
    WorkflowTasks,
    Commands,
    Activities,
    Timers,
    Children,
    Outside,
    Buffer,
    Updates,
]


class Violation(NamedTuple):
    """What is wrong at one record. `position` counts all records from 0, `event_id` is 0 for an annotation."""

    subject: str
    position: int
    event_id: int
    text: str

    def __str__(self) -> str:
        place = f"event {self.event_id}" if self.event_id else f"the annotation at {self.position}"
        return f"{self.subject}: {place}: {self.text}"


def violations(records: Sequence[HistoryEvent]) -> list[Violation]:
    """Everything that is wrong with this history; empty for a legal one, whether its run is open or closed."""
    found: list[Violation] = []
    if not records:
        return [Violation("Sequence", 0, 0, "the history is empty")]
    for kind in READERS:
        reader = kind()
        for position, record in enumerate(records):
            found += [Violation(kind.__name__, position, record.event_id, text) for text in reader.take(record)]
    return sorted(found, key=lambda violation: violation.position)
