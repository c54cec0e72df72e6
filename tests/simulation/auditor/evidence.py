"""The evidence: what the ledger and the store hold, put in order for the rules."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.codec import DecodeError
from perdure.protocol.events import (
    RESET_CAUSE,
    ActivityAttemptFailed,
    EventBuffered,
    EventType,
    HistoryEvent,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowTaskFailed,
    decode_records,
)
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
)
from perdure.protocol.requests import SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure_store.memory import MemoryDatabase
from perdure_store.port import ExecutionRow, HistoryRow
from tests.simulation.auditor.task_evidence import TaskEvidence
from tests.simulation.ledger import Ask, Ledger
from tests.simulation.model import Model
from tests.simulation.rules import Finding, Rule

CLOSING = frozenset(
    {
        EventType.WORKFLOW_EXECUTION_COMPLETED,
        EventType.WORKFLOW_EXECUTION_FAILED,
        EventType.WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.WORKFLOW_EXECUTION_CANCELED,
        EventType.WORKFLOW_EXECUTION_TERMINATED,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)

PARENT_IDENTITY = "parent"
"""Who ends children whose parent has closed."""

WorkflowKey = tuple[str, str]
"""Namespace and workflow id."""

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run as the store holds it, or held it when it was deleted (`is_forgotten`). `records` are its events and
    annotations, `events` its events alone, `payloads` its content."""

    row: ExecutionRow
    rows: list[HistoryRow]
    records: list[HistoryEvent]
    events: list[HistoryEvent]
    payloads: Mapping[bytes, bytes] = field(default_factory=dict)
    is_forgotten: bool = False

    def __str__(self) -> str:
        return f"{self.row.workflow_id} ({self.row.run_id})"

    @property
    def key(self) -> WorkflowKey:
        return self.row.namespace, self.row.workflow_id

    @property
    def started(self) -> WorkflowExecutionStarted:
        attributes: WorkflowExecutionStarted = self.events[0].attributes
        return attributes

    @cached_property
    def _fork(self) -> int | None:
        """Where among `records` it began in the place of another run, whose history it has up to there."""
        resets = [
            position
            for position, failed in self.of(WorkflowTaskFailed)
            if failed.cause == RESET_CAUSE and failed.new_run_id == self.row.run_id
        ]
        return resets[-1] if resets else None

    @property
    def base_run_id(self) -> str:
        """The run in whose place this one began; empty: none."""
        return "" if self._fork is None else str(self.records[self._fork].attributes.base_run_id)

    @property
    def begun_us(self) -> int:
        return self.records[self._fork or 0].time_us

    @property
    def first_run_id(self) -> str:
        """Of its chain."""
        return self.started.first_execution_run_id or self.row.run_id

    @property
    def closing(self) -> HistoryEvent | None:
        """The event that closed the run."""
        last = self.events[-1]
        return last if last.event_type in CLOSING else None

    @cached_property
    def _by_kind(self) -> dict[type[Any], list[tuple[int, Any]]]:
        found: dict[type[Any], list[tuple[int, Any]]] = defaultdict(list)
        for position, record in enumerate(self.records):
            found[type(record.attributes)].append((position, record.attributes))
        return found

    def of(self, kind: type[T]) -> Sequence[tuple[int, T]]:
        """The position among `records`, and the attributes, of each record of this kind."""
        return self._by_kind.get(kind, ())

    def own(self, kind: type[T]) -> Sequence[tuple[int, T]]:
        """Likewise, but without what it has from the run in whose place it began."""
        fork = self._fork
        return self.of(kind) if fork is None else [item for item in self.of(kind) if item[0] > fork]

    @cached_property
    def signal_ids(self) -> set[str]:
        """The request ids of its signals."""
        return {signal.request_id for _, signal in self.of(WorkflowExecutionSignaled)}

    def waiting(self, kind: type[T]) -> list[T]:
        """The attributes of events of this kind that were buffered, and may still wait, because the run is open."""
        if self.closing is not None:
            return []
        return [item.attributes for _, item in self.of(EventBuffered) if isinstance(item.attributes, kind)]

    @cached_property
    def waiting_attempts(self) -> set[tuple[int, int]]:
        """The scheduled event and the number of each attempt of an activity whose outcome may still wait."""
        if self.closing is not None:
            return set()
        buffered = [item for _, item in self.of(EventBuffered) if item.attempt]
        return {(item.attributes.scheduled_event_id, item.attempt) for item in buffered}

    @cached_property
    def failed_attempts(self) -> Counter[int]:
        """How many attempts of each activity failed and were followed by another one, by its scheduled event."""
        return Counter(failed.scheduled_event_id for _, failed in self.of(ActivityAttemptFailed))

    def event(self, event_id: int) -> Any:
        """The attributes of an event; None if there is none."""
        return self.events[event_id - 1].attributes if 0 < event_id <= len(self.events) else None


class Evidence:
    """Attributes:
    runs: by run id, those whose history can be read; what cannot is among `broken`.
    """

    def __init__(self, database: MemoryDatabase, ledger: Ledger, models: Mapping[str, Model]) -> None:
        self.database = database
        self.ledger = ledger
        self.models = models
        self.broken: list[Finding] = []
        self.runs: dict[str, Run] = {}
        for row in database.executions.values():
            key = (row.shard_id, row.run_id)
            self._read(row, database.history.get(key, {}), database.payloads.get(key, {}))
        for row, rows, payloads in ledger.forgotten:
            self._read(row, rows, payloads, is_forgotten=True)
        self._asks: dict[type[Any], list[Ask]] = defaultdict(list)
        for ask in ledger.asks.values():
            self._asks[type(ask.request)].append(ask)

    def _read(
        self,
        row: ExecutionRow,
        rows: Mapping[int, HistoryRow],
        payloads: Mapping[bytes, bytes],
        *,
        is_forgotten: bool = False,
    ) -> None:
        ordered = [rows[number] for number in sorted(rows)]
        try:
            records = [record for item in ordered for record in decode_records(item.data)]
        except DecodeError as error:
            self.broken.append(Finding(Rule.ROWS, f"{row.workflow_id}: its history cannot be read: {error}"))
            return
        events = [record for record in records if record.event_id]
        if not events or not isinstance(events[0].attributes, WorkflowExecutionStarted):
            self.broken.append(Finding(Rule.ROWS, f"{row.workflow_id}: its history does not begin with its start"))
            return
        self.runs[row.run_id] = Run(row, ordered, records, events, payloads, is_forgotten)

    @cached_property
    def tasks(self) -> TaskEvidence:
        """What is about activities without a workflow."""
        return TaskEvidence(self.ledger.task_writes, self.asks(StartActivity))

    def asks(self, kind: type[Any]) -> list[Ask]:
        """The requests of one kind, in the order in which they were first sent."""
        return self._asks[kind]

    def starts(self) -> list[Ask]:
        """Every request to start a workflow, as if what came along with some had come by itself."""
        return [*self._asks[StartWorkflow], *self._parts(lambda request: request.start)]

    def signals(self) -> list[Ask]:
        """Every signal of a client, those that came along with a start included."""
        return [*self._asks[SignalWorkflow], *self._parts(lambda request: request.signal)]

    def _parts(self, part: Callable[[StartWorkflowWith], Any]) -> list[Ask]:
        return [
            replace(ask, request=part(ask.request))
            for ask in self._asks[StartWorkflowWith]
            if part(ask.request) is not None
        ]

    @cached_property
    def sent_signals(self) -> Mapping[WorkflowKey, list[SignalExternalWorkflowExecutionInitiated]]:
        """What workflows sent to each workflow id."""
        return self._sent(SignalExternalWorkflowExecutionInitiated)

    @cached_property
    def sent_cancels(self) -> Mapping[WorkflowKey, list[RequestCancelExternalWorkflowExecutionInitiated]]:
        """What other workflows each workflow id was asked to cancel by."""
        return self._sent(RequestCancelExternalWorkflowExecutionInitiated)

    def _sent(self, kind: type[T]) -> dict[WorkflowKey, list[T]]:
        found: dict[WorkflowKey, list[T]] = defaultdict(list)
        for run in self.runs.values():
            for _, initiated in run.of(kind):
                target: Any = initiated
                found[target.namespace, target.workflow_id].append(initiated)
        return found

    def last_run(self, run_id: str) -> Run | None:
        """The last run of the chain that this one is the first of."""
        chain = [run for run in self.runs.values() if run.first_run_id == run_id]
        return max(chain, key=lambda run: (run.begun_us, run.row.close_time_us or math.inf), default=None)

    def of_workflow(self, key: WorkflowKey) -> list[Run]:
        """The runs of a workflow id, in order of their start."""
        found = [run for run in self.runs.values() if run.key == key]
        return sorted(found, key=lambda run: (run.begun_us, run.row.close_time_us or math.inf))
