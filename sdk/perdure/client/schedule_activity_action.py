"""What a schedule does; here: it starts an activity without a workflow, such as a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Required, TypedDict, Unpack, overload

from perdure.client.connection import Connection
from perdure.client.schedule_action import ScheduleAction
from perdure.client.standalone_inputs import StartActivityInput
from perdure.client.standalone_start import activity_name_and_type, check_timeouts, start_request
from perdure.common import (
    UNSET,
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Payload,
    Priority,
    RetryPolicy,
    TypedSearchAttributes,
    positional_arguments,
)
from perdure.exceptions import PayloadSizeError
from perdure.protocol import schedule as wire
from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.payload import PAYLOAD_SIZE_MAX, pack_payloads, unpack_payload_map, unpack_payloads
from perdure.search_attributes import search_attributes_to_bytes, typed_search_attributes
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    CallableSyncNoParam,
    CallableSyncSingleParam,
    ParamType,
    ReturnType,
)


class ScheduledActivityOptions(TypedDict, total=False):
    """What the start of an activity by a schedule takes beside the activity and its one argument, if any."""

    id: Required[str]
    task_queue: Required[str]
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    typed_search_attributes: TypedSearchAttributes
    summary: str | None
    priority: Priority
    soft_timeout: timedelta | None
    result_ttl: timedelta | None


class ScheduledActivityOptionsWithArgs(ScheduledActivityOptions, total=False):
    """The same, for an activity of several parameters."""

    args: Required[Sequence[Any]]


class ScheduledActivityOptionsByName(ScheduledActivityOptions, total=False):
    """The same, for an activity that is named by text."""

    args: Sequence[Any]
    headers: Mapping[str, Payload] | None


class ScheduleActionStartActivity(ScheduleAction):
    """Start an activity without a workflow. What the arguments are is as in `Client.start_activity`; for a task, its
    options are `**send.activity_options`.

    Attributes:
        id: Each activity has this id, with the moment behind it: `report-2026-11-20T09:00:00Z`.
        args: The arguments; in the description of a schedule they are payloads, which may be given back in an update.
        soft_timeout: When the code of an attempt is asked to end, by a `CancelledError` that it may clean up after.
        result_ttl: How long the result is kept; None: as the namespace says.
    """

    activity: str
    args: Sequence[Any]
    id: str
    task_queue: str
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    typed_search_attributes: TypedSearchAttributes
    summary: str | None
    headers: Mapping[str, Payload] | None
    priority: Priority
    soft_timeout: timedelta | None
    result_ttl: timedelta | None

    @overload
    def __init__(
        self, activity: CallableAsyncNoParam[ReturnType], **options: Unpack[ScheduledActivityOptions]
    ) -> None: ...
    @overload
    def __init__(
        self, activity: CallableSyncNoParam[ReturnType], **options: Unpack[ScheduledActivityOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        activity: CallableAsyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ScheduledActivityOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        activity: CallableSyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ScheduledActivityOptions],
    ) -> None: ...
    @overload
    def __init__(
        self, activity: Callable[..., Awaitable[ReturnType]], **options: Unpack[ScheduledActivityOptionsWithArgs]
    ) -> None: ...
    @overload
    def __init__(
        self, activity: Callable[..., ReturnType], **options: Unpack[ScheduledActivityOptionsWithArgs]
    ) -> None: ...
    @overload
    def __init__(self, activity: str, arg: Any = ..., **options: Unpack[ScheduledActivityOptionsByName]) -> None: ...

    def __init__(
        self,
        activity: Any,
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        id: str | None = None,
        task_queue: str | None = None,
        schedule_to_close_timeout: timedelta | None = None,
        schedule_to_start_timeout: timedelta | None = None,
        start_to_close_timeout: timedelta | None = None,
        heartbeat_timeout: timedelta | None = None,
        retry_policy: RetryPolicy | None = None,
        typed_search_attributes: TypedSearchAttributes = TypedSearchAttributes.empty,
        summary: str | None = None,
        headers: Mapping[str, Payload] | None = None,
        priority: Priority = Priority.default,
        soft_timeout: timedelta | None = None,
        result_ttl: timedelta | None = None,
    ) -> None:
        if not id:
            raise ValueError("ID required: the activity id that the moments are put behind")
        if not task_queue:
            raise ValueError("Task queue required")
        self.activity, _ = activity_name_and_type(activity)
        check_timeouts(self.activity, start_to_close_timeout, schedule_to_close_timeout)
        self.args = positional_arguments(arg, (), args)
        self.id = id
        self.task_queue = task_queue
        self.schedule_to_close_timeout = schedule_to_close_timeout
        self.schedule_to_start_timeout = schedule_to_start_timeout
        self.start_to_close_timeout = start_to_close_timeout
        self.heartbeat_timeout = heartbeat_timeout
        self.retry_policy = retry_policy
        self.typed_search_attributes = typed_search_attributes
        self.summary = summary
        self.headers = headers
        self.priority = priority
        self.soft_timeout = soft_timeout
        self.result_ttl = result_ttl

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScheduleActionStartActivity) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it may be changed

    def __repr__(self) -> str:
        return f"ScheduleActionStartActivity({self.activity!r}, id={self.id!r}, task_queue={self.task_queue!r})"

    def to_wire(self, connection: Connection) -> wire.ScheduleAction:
        """The action as it travels.

        Raises:
            ValueError: an id, a timeout or a policy is not as it must be.
            PayloadSizeError: the arguments are too large.
            TypeError: an argument cannot be converted.
        """
        check_timeouts(self.activity, self.start_to_close_timeout, self.schedule_to_close_timeout)
        convert = connection.converter.payload_converter.to_payload
        data = pack_payloads([each if isinstance(each, Payload) else convert(each) for each in self.args])
        if len(data) > PAYLOAD_SIZE_MAX:
            raise PayloadSizeError(len(data), PAYLOAD_SIZE_MAX, f"the arguments of activity {self.activity!r}")
        start = StartActivityInput(
            activity_type=self.activity,
            args=(),
            id=self.id,
            task_queue=self.task_queue,
            result_type=None,
            schedule_to_close_timeout=self.schedule_to_close_timeout,
            start_to_close_timeout=self.start_to_close_timeout,
            schedule_to_start_timeout=self.schedule_to_start_timeout,
            heartbeat_timeout=self.heartbeat_timeout,
            id_reuse_policy=ActivityIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=ActivityIDConflictPolicy.FAIL,
            retry_policy=self.retry_policy,
            priority=self.priority,
            search_attributes=self.typed_search_attributes or None,
            summary=self.summary,
            start_delay=None,
            headers=self.headers or {},
            rpc_timeout=None,
            is_new_id=True,
            soft_timeout=self.soft_timeout,
            result_ttl=self.result_ttl,
        )
        return wire.ScheduleAction(activity=start_request(connection, start, wait_result=False)._replace(input=data))

    def search_attribute_bytes(self) -> bytes:
        return search_attributes_to_bytes(self.typed_search_attributes)


def activity_action_of(start: StartActivity) -> ScheduleActionStartActivity:
    """The public form of such an action."""
    options = start.options
    return ScheduleActionStartActivity(
        start.activity_type,
        args=unpack_payloads(start.input),
        id=start.activity_id,
        task_queue=start.task_queue,
        schedule_to_close_timeout=_duration(options.schedule_to_close_timeout_ms),
        schedule_to_start_timeout=_duration(options.schedule_to_start_timeout_ms),
        start_to_close_timeout=_duration(options.start_to_close_timeout_ms),
        heartbeat_timeout=_duration(options.heartbeat_timeout_ms),
        retry_policy=None if options.retry_policy is None else RetryPolicy.from_data(options.retry_policy),
        typed_search_attributes=typed_search_attributes(start.search_attributes),
        summary=start.summary or None,
        headers=unpack_payload_map(start.headers) or None,
        priority=Priority.from_data(options.priority, options.fairness),
        soft_timeout=_duration(options.soft_timeout_ms),
        result_ttl=_duration(options.keep_result_ms),
    )


def _duration(milliseconds: int) -> timedelta | None:
    return timedelta(milliseconds=milliseconds) if milliseconds else None
