"""The part of an `Outbox` that enqueues tasks: `@task` functions, with the options that they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, Unpack, overload

from perdure.client.standalone_inputs import StartActivityInput
from perdure.outbox.preparing import OutboxStart
from perdure.outbox.writing import AsyncConnection, SyncConnection
from perdure.shared_options import takes_options_of
from perdure.tasks.definition import Task
from perdure.tasks.enqueuing import Call, input_of
from perdure.tasks.options import CallOptions

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
        **options: Unpack[CallOptions],
    ) -> Coroutine[Any, Any, OutboxStart]: ...
    @overload
    def apply_async(
        self,
        connection: SyncConnection,
        task: Task[..., Any],
        args: Sequence[Any] = ...,
        kwargs: Mapping[str, Any] | None = ...,
        **options: Unpack[CallOptions],
    ) -> OutboxStart: ...

    @takes_options_of(Call.__init__)
    def apply_async(
        self,
        connection: Any,
        task: Task[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Started:
        """`delay`, with the options of this call: those of `task.apply_async`. `eta` and a moment in `expires` become
        durations here, which count from the start: they are later by what it takes to commit.

        Raises:
            ValueError: `countdown` and `eta`, or a value out of its range.
            Further, as `delay`.
        """
        return self._start(connection, input_of(task._call(args, kwargs or {}, **options)))

    @abstractmethod
    def _start(self, connection: Any, input: StartActivityInput) -> Started:
        """Write the row, at once or when it is awaited."""
