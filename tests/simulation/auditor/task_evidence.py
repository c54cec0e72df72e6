"""The evidence about activities without a workflow: their executions, from what was committed about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from perdure.converter import DataConverter
from perdure.protocol.ids import FIRST_EXECUTION, activity_run_id
from perdure.protocol.tasks import ActivityTask, decode_task
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.history.activity_rows import execution_of
from perdure_store.port import ActivityExecutionRow
from tests.simulation.ledger import Ask, TaskWrite
from tests.simulation.programs import Spec

Key = tuple[str, int]
"""What stands for the run id, and the number of the execution."""

_converter = DataConverter.default


def is_task(number: int) -> bool:
    """Whether this is the number of an execution, and not an event of a run."""
    return number >= FIRST_EXECUTION


def key_of(write: TaskWrite) -> Key:
    """The execution that something was written about."""
    if write.row is not None:
        return write.row.run_id, write.row.number
    assert write.entry is not None
    return write.entry.run_id, write.entry.event_id


@dataclass
class TaskExecution:
    """One execution. `writes`: in order, what was committed about it. `row`: the last one; None if there was none."""

    key: Key
    writes: list[TaskWrite] = field(default_factory=list)
    ask: Ask | None = None

    def __str__(self) -> str:
        return f"{self.activity_id} ({activity_run_id(*self.key)})"

    @property
    def activity_run_id(self) -> str:
        return activity_run_id(*self.key)

    @cached_property
    def entries(self) -> list[tuple[TaskWrite, ActivityTask]]:
        """The entries of its attempts, in order."""
        found = []
        for write in self.writes:
            if write.entry is not None:
                task = decode_task(write.entry.data)
                assert isinstance(task, ActivityTask)
                found.append((write, task))
        return found

    @cached_property
    def row(self) -> ActivityExecutionRow | None:
        return next((write.row for write in reversed(self.writes) if write.row is not None), None)

    @cached_property
    def end(self) -> ActivityExecution | None:
        """As its last row has it."""
        return None if self.row is None else execution_of(self.row)

    @property
    def activity_id(self) -> str:
        return self.row.activity_id if self.row is not None else self.entries[0][1].activity_id

    @property
    def request_id(self) -> str:
        return self.row.request_id if self.row is not None else self.entries[0][1].request_id

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule started it."""
        return self.request_id.startswith("schedule-")

    @property
    def scheduled_us(self) -> int:
        return self.row.scheduled_us if self.row is not None else self.entries[0][1].scheduled_time_us

    @property
    def attempts(self) -> set[int]:
        """Those that were handed to the task queue."""
        return {task.attempt for _, task in self.entries}

    @property
    def spec(self) -> Spec | None:
        """What its code is to do, as its start says."""
        if self.ask is None:
            return None
        spec: Spec = _converter.from_bytes(self.ask.request.input)[1]
        return spec


class TaskEvidence:
    """Args:
        writes: all that was committed, in order.
        starts: the requests to start an execution.

    Attributes:
        executions: by key, in the order in which they began.
    """

    def __init__(self, writes: Sequence[TaskWrite], starts: Sequence[Ask]) -> None:
        self.executions: dict[Key, TaskExecution] = {}
        for write in writes:
            key = key_of(write)
            self.executions.setdefault(key, TaskExecution(key)).writes.append(write)
        self.by_run_id = {each.activity_run_id: each for each in self.executions.values()}
        self._by_request: dict[tuple[str, str], list[TaskExecution]] = defaultdict(list)
        self._by_id: dict[str, list[TaskExecution]] = defaultdict(list)
        for each in self.executions.values():
            self._by_request[each.activity_id, each.request_id].append(each)
            self._by_id[each.activity_id].append(each)
        for ask in starts:
            for each in self.of_request(ask):
                each.ask = ask

    def of_request(self, ask: Ask) -> Sequence[TaskExecution]:
        """What a start began."""
        return self._by_request.get((ask.request.activity_id, ask.request.request_id), ())

    def of_id(self, activity_id: str) -> list[TaskExecution]:
        """In order of their numbers."""
        return sorted(self._by_id.get(activity_id, ()), key=lambda each: each.key[1])

    def ids(self) -> list[str]:
        return list(self._by_id)
