"""What a schedule does; here: it starts a workflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Concatenate, Required, TypedDict, Unpack, overload

from perdure.client.connection import Connection, check_text
from perdure.client.start import TASK_TIMEOUT_MS, memo_bytes
from perdure.common import (
    UNSET,
    Payload,
    Priority,
    RetryPolicy,
    TypedSearchAttributes,
    milliseconds,
    positional_arguments,
)
from perdure.exceptions import PayloadSizeError
from perdure.protocol import schedule as wire
from perdure.protocol.payload import (
    PAYLOAD_SIZE_MAX,
    pack_payload_map,
    pack_payloads,
    unpack_payload_map,
    unpack_payloads,
)
from perdure.protocol.start_requests import StartWorkflow
from perdure.search_attributes import search_attributes_to_bytes, typed_search_attributes
from perdure.types import (
    CallableAsyncNoParam,
    CallableAsyncSingleParam,
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    MultiParamSpec,
    ParamType,
    ReturnType,
    SelfType,
)
from perdure.workflow.naming import workflow_name_and_type


class ScheduleAction(ABC):
    """What a schedule does: see `ScheduleActionStartWorkflow` and `ScheduleActionStartActivity`."""

    @abstractmethod
    def to_wire(self, connection: Connection) -> wire.ScheduleAction:
        """The action as it travels."""

    @abstractmethod
    def search_attribute_bytes(self) -> bytes:
        """The search attributes of what is started, packed."""


class ScheduledStartOptions(TypedDict, total=False):
    """What the start of a workflow by a schedule takes beside the workflow and its one argument, if any."""

    id: Required[str]
    task_queue: Required[str]
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    typed_search_attributes: TypedSearchAttributes
    static_summary: str | None
    static_details: str | None
    priority: Priority


class ScheduledStartOptionsWithArgs(ScheduledStartOptions, total=False):
    """The same, for a workflow of several parameters."""

    args: Required[Sequence[Any]]


class ScheduledStartOptionsByName(ScheduledStartOptions, total=False):
    """The same, for a workflow that is named by text."""

    args: Sequence[Any]
    headers: Mapping[str, Payload] | None


class ScheduleActionStartWorkflow(ScheduleAction):
    """Start a workflow. What the arguments are is as in `Client.start_workflow`.

    Attributes:
        id: Each workflow has this id, with the moment behind it: `report-2026-11-20T09:00:00Z`.
        args: The arguments; in the description of a schedule they are payloads, which may be given back in an update.
    """

    workflow: str
    args: Sequence[Any]
    id: str
    task_queue: str
    execution_timeout: timedelta | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    typed_search_attributes: TypedSearchAttributes
    static_summary: str | None
    static_details: str | None
    priority: Priority
    headers: Mapping[str, Payload] | None

    @overload
    def __init__(
        self, workflow: MethodAsyncNoParam[SelfType, ReturnType], **options: Unpack[ScheduledStartOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ScheduledStartOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[ReturnType]],
        **options: Unpack[ScheduledStartOptionsWithArgs],
    ) -> None: ...
    @overload
    def __init__(
        self, workflow: CallableAsyncNoParam[ReturnType], **options: Unpack[ScheduledStartOptions]
    ) -> None: ...
    @overload
    def __init__(
        self,
        workflow: CallableAsyncSingleParam[ParamType, ReturnType],
        arg: ParamType,
        **options: Unpack[ScheduledStartOptions],
    ) -> None: ...
    @overload
    def __init__(self, workflow: str, arg: Any = ..., **options: Unpack[ScheduledStartOptionsByName]) -> None: ...

    def __init__(
        self,
        workflow: str | Callable[..., Awaitable[Any]],
        arg: Any = UNSET,
        *,
        args: Sequence[Any] = (),
        id: str | None = None,
        task_queue: str | None = None,
        execution_timeout: timedelta | None = None,
        run_timeout: timedelta | None = None,
        task_timeout: timedelta | None = None,
        retry_policy: RetryPolicy | None = None,
        memo: Mapping[str, Any] | None = None,
        typed_search_attributes: TypedSearchAttributes = TypedSearchAttributes.empty,
        static_summary: str | None = None,
        static_details: str | None = None,
        headers: Mapping[str, Payload] | None = None,
        priority: Priority = Priority.default,
    ) -> None:
        """See the class, and `Client.start_workflow`.

        Raises:
            ValueError: no id, or no task queue.
            TypeError: not a workflow.
        """
        if not id:
            raise ValueError("ID required: the workflow id that the moments are put behind")
        if not task_queue:
            raise ValueError("Task queue required")
        self.workflow, _ = workflow_name_and_type(workflow)
        self.args = positional_arguments(arg, (), args)
        self.id = id
        self.task_queue = task_queue
        self.execution_timeout = execution_timeout
        self.run_timeout = run_timeout
        self.task_timeout = task_timeout
        self.retry_policy = retry_policy
        self.memo = memo
        self.typed_search_attributes = typed_search_attributes
        self.static_summary = static_summary
        self.static_details = static_details
        self.headers = headers
        self.priority = priority

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScheduleActionStartWorkflow) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it may be changed

    def __repr__(self) -> str:
        return f"ScheduleActionStartWorkflow({self.workflow!r}, id={self.id!r}, task_queue={self.task_queue!r})"

    def to_wire(self, connection: Connection) -> wire.ScheduleAction:
        """The action as it travels.

        Raises:
            ValueError: an id, a timeout or a policy is not as it must be.
            PayloadSizeError: the arguments are too large.
            TypeError: an argument cannot be converted.
        """
        for name, text in (("the workflow id", self.id), ("the workflow type", self.workflow)):
            check_text(name, text)
        check_text("the task queue", self.task_queue)
        convert = connection.converter.payload_converter.to_payload
        data = pack_payloads([each if isinstance(each, Payload) else convert(each) for each in self.args])
        if len(data) > PAYLOAD_SIZE_MAX:
            raise PayloadSizeError(len(data), PAYLOAD_SIZE_MAX, f"the arguments of workflow {self.workflow!r}")
        return wire.ScheduleAction(
            StartWorkflow(
                connection.namespace,
                self.id,
                self.workflow,
                self.task_queue,
                data,
                "",
                connection.transport.identity,
                execution_timeout_ms=milliseconds("execution_timeout", self.execution_timeout),
                run_timeout_ms=milliseconds("run_timeout", self.run_timeout),
                task_timeout_ms=milliseconds("task_timeout", self.task_timeout) or TASK_TIMEOUT_MS,
                retry_policy=None if self.retry_policy is None else self.retry_policy.to_data(),
                memo=memo_bytes(connection, self.memo) if self.memo else b"",
                search_attributes=self.search_attribute_bytes(),
                headers=pack_payload_map(self.headers or {}),
                summary=self.static_summary or "",
                static_details=self.static_details or "",
                priority=self.priority.priority_key or 3,
            )
        )

    def search_attribute_bytes(self) -> bytes:
        return search_attributes_to_bytes(self.typed_search_attributes)


def workflow_action_of(start: StartWorkflow) -> ScheduleActionStartWorkflow:
    """The public form of such an action."""
    return ScheduleActionStartWorkflow(
        start.workflow_type,
        args=unpack_payloads(start.input),
        id=start.workflow_id,
        task_queue=start.task_queue,
        execution_timeout=_duration(start.execution_timeout_ms),
        run_timeout=_duration(start.run_timeout_ms),
        task_timeout=None if start.task_timeout_ms == TASK_TIMEOUT_MS else _duration(start.task_timeout_ms),
        retry_policy=None if start.retry_policy is None else RetryPolicy.from_data(start.retry_policy),
        memo=unpack_payload_map(start.memo) or None,
        typed_search_attributes=typed_search_attributes(start.search_attributes),
        static_summary=start.summary or None,
        static_details=start.static_details or None,
        headers=unpack_payload_map(start.headers) or None,
        priority=Priority.default if start.priority == 3 else Priority(priority_key=start.priority),
    )


def _duration(milliseconds_: int) -> timedelta | None:
    return timedelta(milliseconds=milliseconds_) if milliseconds_ else None
