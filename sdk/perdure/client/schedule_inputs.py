"""What a client interceptor is given of calls about schedules (see `perdure.client.inputs`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from perdure.client.schedule import Schedule, ScheduleBackfill, ScheduleOverlapPolicy
from perdure.client.schedule_description import ScheduleUpdate, ScheduleUpdateInput
from perdure.common import SearchAttributes, TypedSearchAttributes


@dataclass
class CreateScheduleInput:
    """Of `OutboundInterceptor.create_schedule`."""

    id: str
    schedule: Schedule
    trigger_immediately: bool
    backfill: Sequence[ScheduleBackfill]
    memo: Mapping[str, Any] | None
    search_attributes: TypedSearchAttributes | SearchAttributes | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class ListSchedulesInput:
    """Of `OutboundInterceptor.list_schedules`."""

    page_size: int
    next_page_token: bytes | None
    rpc_timeout: timedelta | None
    query: str | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class BackfillScheduleInput:
    """Of `OutboundInterceptor.backfill_schedule`."""

    id: str
    backfills: Sequence[ScheduleBackfill]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class DeleteScheduleInput:
    """Of `OutboundInterceptor.delete_schedule`."""

    id: str
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class DescribeScheduleInput:
    """Of `OutboundInterceptor.describe_schedule`."""

    id: str
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class PauseScheduleInput:
    """Of `OutboundInterceptor.pause_schedule`."""

    id: str
    note: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class TriggerScheduleInput:
    """Of `OutboundInterceptor.trigger_schedule`."""

    id: str
    overlap: ScheduleOverlapPolicy | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class UnpauseScheduleInput:
    """Of `OutboundInterceptor.unpause_schedule`."""

    id: str
    note: str | None
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass
class UpdateScheduleInput:
    """Of `OutboundInterceptor.update_schedule`."""

    id: str
    updater: Callable[[ScheduleUpdateInput], ScheduleUpdate | Awaitable[ScheduleUpdate | None] | None]
    rpc_timeout: timedelta | None
    rpc_metadata: Mapping[str, str | bytes] = field(default_factory=dict)
