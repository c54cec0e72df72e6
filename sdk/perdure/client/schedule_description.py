"""What a client is told about schedules: a description, a row of a list."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perdure.client.execution import time_of, time_or_none
from perdure.client.schedule import Schedule, schedule_of_wire
from perdure.client.schedule_spec import ScheduleSpec, spec_of_wire
from perdure.common import UNSET, SearchAttributes, TypedSearchAttributes
from perdure.converter import DataConverter
from perdure.protocol import schedule as wire
from perdure.protocol.payload import unpack_payload_map
from perdure.search_attributes import typed_search_attributes, untyped_search_attributes


class ScheduleActionExecution(ABC):  # noqa: B024  what is common to executions is that they are one
    """What an action started."""


@dataclass
class ScheduleActionExecutionStartWorkflow(ScheduleActionExecution):
    """A workflow that an action started: its id, and its first run."""

    workflow_id: str
    first_execution_run_id: str


@dataclass
class ScheduleActionExecutionStartActivity(ScheduleActionExecution):
    """An activity without a workflow that an action started."""

    activity_id: str
    activity_run_id: str


@dataclass
class ScheduleActionResult:
    """An action that was taken.

    Attributes:
        scheduled_at: When it was to be taken, with its jitter.
        started_at: When it was.
        action: What it started.
    """

    scheduled_at: datetime
    started_at: datetime
    action: ScheduleActionExecution


@dataclass
class ScheduleInfo:
    """What a schedule has done and will do.

    Attributes:
        num_actions: Actions taken.
        num_actions_missed_catchup_window: Left out, since no engine was there in time.
        num_actions_skipped_overlap: Left out for one that still ran.
        running_actions: What runs, as of when that last mattered; what may run beside others is not among them.
        recent_actions: The last ten taken, the oldest first.
        next_action_times: The next ten, if the schedule is not paused.
        num_actions_dropped: Left out, since 1,000 waited already.
        num_actions_buffered: Those that wait for one that runs.
        last_error: Why the last action that could not be taken was not.
    """

    num_actions: int
    num_actions_missed_catchup_window: int
    num_actions_skipped_overlap: int
    running_actions: Sequence[ScheduleActionExecution]
    recent_actions: Sequence[ScheduleActionResult]
    next_action_times: Sequence[datetime]
    created_at: datetime
    last_updated_at: datetime | None
    num_actions_dropped: int = 0
    num_actions_buffered: int = 0
    last_error: str | None = None


@dataclass
class _Described:
    """What a description and a row of a list have in common."""

    id: str
    typed_search_attributes: TypedSearchAttributes
    data_converter: DataConverter
    _memo: bytes = field(repr=False)

    @property
    def search_attributes(self) -> SearchAttributes:
        """The deprecated form: each value as a list."""
        return untyped_search_attributes(self.typed_search_attributes)

    async def memo(self) -> Mapping[str, Any]:
        """The memo, converted without type hints."""
        named = unpack_payload_map(self._memo)
        return {name: (await self.data_converter.decode([payload]))[0] for name, payload in named.items()}

    async def memo_value(self, key: str, default: Any = UNSET, *, type_hint: type | None = None) -> Any:
        """One value of the memo, converted to `type_hint`.

        Raises:
            KeyError: no such key, and no default.
        """
        payload = unpack_payload_map(self._memo).get(key)
        if payload is None:
            if default is UNSET:
                raise KeyError(f"the memo has no {key!r}")
            return default
        return (await self.data_converter.decode([payload], [type_hint]))[0]


@dataclass
class ScheduleDescription(_Described):
    """All that is known about one schedule."""

    schedule: Schedule
    info: ScheduleInfo
    _token: int = field(repr=False, default=0)


@dataclass
class ScheduleUpdateInput:
    """What the callback of `ScheduleHandle.update` is given: the schedule as it is."""

    description: ScheduleDescription


@dataclass
class ScheduleUpdate:
    """What that callback returns: the schedule as it is to be. Search attributes of None stay."""

    schedule: Schedule
    search_attributes: TypedSearchAttributes | None = None


class ScheduleListAction(ABC):  # noqa: B024  what is common to actions is that they are one
    """The action of a schedule in a list."""


@dataclass
class ScheduleListActionStartWorkflow(ScheduleListAction):
    """It starts workflows of this type."""

    workflow: str


@dataclass
class ScheduleListActionStartActivity(ScheduleListAction):
    """It starts activities of this type, without a workflow."""

    activity: str


@dataclass
class ScheduleListState:
    """Whether a schedule in a list is paused, and its note."""

    note: str | None
    paused: bool


@dataclass
class ScheduleListSchedule:
    """What a schedule in a list is."""

    action: ScheduleListAction
    spec: ScheduleSpec
    state: ScheduleListState


@dataclass
class ScheduleListInfo:
    """What a schedule in a list has done and will do: the last five actions, the oldest first, and the next five."""

    recent_actions: Sequence[ScheduleActionResult]
    next_action_times: Sequence[datetime]


@dataclass
class ScheduleListDescription(_Described):
    """One schedule, as a list shows it."""

    schedule: ScheduleListSchedule
    info: ScheduleListInfo


def description_of(row: wire.ScheduleDescription, converter: DataConverter) -> ScheduleDescription:
    """The public form of a description."""
    info = row.info
    return ScheduleDescription(
        row.schedule_id,
        typed_search_attributes(row.search_attributes),
        converter,
        row.memo,
        schedule_of_wire(row.schedule),
        ScheduleInfo(
            info.actions,
            info.missed_catchup_window,
            info.skipped_overlap,
            [_execution(running) for running in info.running],
            [_result(taken) for taken in info.recent],
            [time_of(next_us) for next_us in info.next_us],
            time_of(info.created_us),
            time_or_none(info.updated_us),
            info.dropped,
            info.buffered,
            info.last_error or None,
        ),
        row.token,
    )


def listed_of(row: wire.ScheduleDescription, converter: DataConverter) -> ScheduleListDescription:
    """The public form of a row of a list."""
    state = row.schedule.state
    return ScheduleListDescription(
        row.schedule_id,
        typed_search_attributes(row.search_attributes),
        converter,
        row.memo,
        ScheduleListSchedule(
            _listed_action(row.schedule.action),
            spec_of_wire(row.schedule.spec),
            ScheduleListState(state.note or None, state.paused),
        ),
        ScheduleListInfo([_result(taken) for taken in row.info.recent], [time_of(us) for us in row.info.next_us]),
    )


def _listed_action(action: wire.ScheduleAction) -> ScheduleListAction:
    if action.workflow is not None:
        return ScheduleListActionStartWorkflow(action.workflow.workflow_type)
    if action.activity is not None:
        return ScheduleListActionStartActivity(action.activity.activity_type)
    return ScheduleListAction()


def _execution(execution: wire.Execution) -> ScheduleActionExecution:
    if execution.is_activity:
        return ScheduleActionExecutionStartActivity(execution.workflow_id, execution.run_id)
    return ScheduleActionExecutionStartWorkflow(execution.workflow_id, execution.run_id)


def _result(taken: wire.ActionTaken) -> ScheduleActionResult:
    return ScheduleActionResult(time_of(taken.scheduled_us), time_of(taken.taken_us), _execution(taken.execution))
