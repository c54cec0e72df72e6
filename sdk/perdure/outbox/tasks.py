"""The part of an `Outbox` that enqueues tasks: `@task` functions, with the options that they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, ParamSpec, overload

from perdure.client.standalone_inputs import StartActivityInput
from perdure.common import Priority, RetryPolicy
from perdure.outbox.preparing import OutboxStart
from perdure.outbox.writing import AsyncConnection, SyncConnection
from perdure.tasks.definition import Task
from perdure.tasks.enqueuing import input_of
from perdure.tasks.options import Seconds

P = ParamSpec("P")
Started = OutboxStart | Coroutine[Any, Any, OutboxStart]


class TaskCalls(ABC):
    """See the module's docstring."""

    @overload
    def delay(
        self, connection: AsyncConnection, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, OutboxStart]: ...
    @overload
    def delay(
        self, connection: SyncConnection, task: Task[P, Any], *args: P.args, **kwargs: P.kwargs
    ) -> OutboxStart: ...

    def delay(self, connection: Any, task: Task[..., Any], *args: Any, **kwargs: Any) -> Started:
        """Enqueue a task with these arguments when the open transaction of `connection` commits: what `task.delay` does
        at once. Await it if the connection is asynchronous.

        Raises:
            TypeError: the arguments do not fit its parameters.
            Further, as `Outbox.start_workflow`.
        """
        return self._start(connection, input_of(task._call(args, kwargs)))

    @overload
    def apply_async(
        self,
        connection: AsyncConnection,
        task: Task[..., Any],
        args: Sequence[Any] = ...,
        kwargs: Mapping[str, Any] | None = ...,
        *,
        countdown: Seconds | None = ...,
        eta: datetime | None = ...,
        expires: Seconds | datetime | None = ...,
        task_id: str | None = ...,
        queue: str | None = ...,
        priority: int | Priority | None = ...,
        retry_policy: RetryPolicy | None = ...,
        time_limit: Seconds | None = ...,
    ) -> Coroutine[Any, Any, OutboxStart]: ...
    @overload
    def apply_async(
        self,
        connection: SyncConnection,
        task: Task[..., Any],
        args: Sequence[Any] = ...,
        kwargs: Mapping[str, Any] | None = ...,
        *,
        countdown: Seconds | None = ...,
        eta: datetime | None = ...,
        expires: Seconds | datetime | None = ...,
        task_id: str | None = ...,
        queue: str | None = ...,
        priority: int | Priority | None = ...,
        retry_policy: RetryPolicy | None = ...,
        time_limit: Seconds | None = ...,
    ) -> OutboxStart: ...

    def apply_async(
        self,
        connection: Any,
        task: Task[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        countdown: Seconds | None = None,
        eta: datetime | None = None,
        expires: Seconds | datetime | None = None,
        task_id: str | None = None,
        queue: str | None = None,
        priority: int | Priority | None = None,
        retry_policy: RetryPolicy | None = None,
        time_limit: Seconds | None = None,
    ) -> Started:
        """`delay`, with the options of this call: those of `task.apply_async`. `eta` and a moment in `expires` become
        durations here, which count from the start: they are later by what it takes to commit.

        Raises:
            ValueError: `countdown` and `eta`, or a value out of its range.
            Further, as `delay`.
        """
        options = countdown, eta, expires, task_id, queue, priority, retry_policy, time_limit
        return self._start(connection, input_of(task._call(args, kwargs or {}, *options)))

    @abstractmethod
    def _start(self, connection: Any, input: StartActivityInput) -> Started:
        """Write the row, at once or when it is awaited."""
