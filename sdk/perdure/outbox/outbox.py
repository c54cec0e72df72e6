"""`Outbox`: starts that belong to a transaction of the caller's own database."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Unpack, overload

from perdure.client.connection import check_text
from perdure.client.inputs import StartWorkflowInput
from perdure.client.interceptor import Interceptor
from perdure.client.standalone_inputs import StartActivityInput
from perdure.client.standalone_options import activity_start
from perdure.client.start_options import workflow_start
from perdure.common import (
    UNSET,
    HeaderCodecBehavior,
)
from perdure.converter import DataConverter
from perdure.outbox.options import OutboxActivityOptions, OutboxWorkflowOptions
from perdure.outbox.preparing import Author, OutboxStart, Preparation
from perdure.outbox.tasks import TaskCalls
from perdure.outbox.writing import AsyncConnection, SyncConnection, check_transaction, execute, is_async
from perdure.protocol.ids import DEFAULT_NAMESPACE
from perdure.shared_options import takes_options_of

Input = StartWorkflowInput | StartActivityInput
Activity = str | Callable[..., Any]
Workflow = str | Callable[..., Awaitable[Any]]


class Outbox(TaskCalls):
    """Starts workflows, tasks and activities inside a transaction of your own Postgres: it happens if, and only if,
    that transaction commits, and then once, whoever crashes.

        outbox = Outbox()

        with psycopg.connect(DSN) as connection:
            connection.execute("INSERT INTO orders ...")
            outbox.start_workflow(connection, Order.run, order, id=f"order-{number}", task_queue="orders")
            outbox.delay(connection, send_receipt, order)

    It needs no connection to a cluster: a start is a row of the table `perdure_outbox` in your database. An
    `OutboxRelay`, or `perdure outbox run`, takes rows from there to the cluster: at once when it is told by the commit
    itself (`notify`), else within a second. Make one `Outbox` and share it; it belongs to no thread and no event loop.

    What a client would raise because the id is taken, or the cluster refuses, is not known when the transaction
    commits: such a start stays in the table, with the reason (`perdure outbox list`, `perdure outbox retry`). Starts
    of different rows begin in no promised order.
    """

    def __init__(
        self,
        *,
        namespace: str | None = None,
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = (),
        identity: str | None = None,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        notify: bool = True,
    ) -> None:
        """Make an outbox.

        Args:
            namespace: Where executions begin. None: PERDURE_NAMESPACE, else "default".
            data_converter: Converts arguments; the worker needs the same, a relay does not.
            interceptors: What starts pass through, as those of a client (`start_workflow`, `start_activity`). They
                must return what the next one returns, which is an `OutboxStart`, no handle.
            identity: Who starts, as histories show it; by default `pid@host`.
            header_codec_behavior: Whether the data converter's codec encodes headers, too.
            notify: Tell relays with the commit, by Postgres's NOTIFY. Transactions that notify commit one after the
                other, so a database that commits thousands of starts a second is quicker without; then call `notify`
                after the commit, or let relays look, which they do twice a second.
        """
        namespace = namespace or os.environ.get("PERDURE_NAMESPACE") or DEFAULT_NAMESPACE
        check_text("the namespace", namespace)
        code_headers = header_codec_behavior == HeaderCodecBehavior.CODEC
        self._preparation = Preparation(
            Author(namespace, data_converter, identity), interceptors, code_headers=code_headers
        )
        self._enqueue = "enqueue" if notify else "enqueue_silently"

    @overload
    def start_workflow(
        self,
        connection: AsyncConnection,
        workflow: Workflow,
        arg: Any = ...,
        **options: Unpack[OutboxWorkflowOptions],
    ) -> Coroutine[Any, Any, OutboxStart]: ...
    @overload
    def start_workflow(
        self,
        connection: SyncConnection,
        workflow: Workflow,
        arg: Any = ...,
        **options: Unpack[OutboxWorkflowOptions],
    ) -> OutboxStart: ...

    @takes_options_of(workflow_start)
    def start_workflow(
        self,
        connection: SyncConnection | AsyncConnection,
        workflow: Workflow,
        arg: Any = UNSET,
        *,
        start_signal: str | None = None,
        start_signal_args: Sequence[Any] = (),
        **options: Any,
    ) -> OutboxStart | Coroutine[Any, Any, OutboxStart]:
        """Start a workflow when the open transaction of `connection` commits.

        Args:
            connection: A psycopg connection or cursor, an SQLAlchemy connection or session (over any driver), or a
                cursor of Django or psycopg 2. Await the call if its `execute` must be awaited.
            workflow: The workflow's `run` method, a workflow function, or the name of its type.
            Further: as of `Client.start_workflow`. Delays and timeouts count from the start, not from the commit.

        Raises:
            RequestError: the connection is in no transaction and commits by itself.
            TypeError: this is no connection; or an argument cannot be converted.
            ValueError: an id, a timeout or a policy is not as it must be.
            PayloadSizeError: the arguments are too large.
            Further, what the connection raises.
        """
        start = workflow_start(workflow, arg, **options)
        start.start_signal = start_signal
        start.start_signal_args = start_signal_args
        return self._start(connection, start)

    @overload
    def start_activity(
        self,
        connection: AsyncConnection,
        activity: Activity,
        arg: Any = ...,
        **options: Unpack[OutboxActivityOptions],
    ) -> Coroutine[Any, Any, OutboxStart]: ...
    @overload
    def start_activity(
        self,
        connection: SyncConnection,
        activity: Activity,
        arg: Any = ...,
        **options: Unpack[OutboxActivityOptions],
    ) -> OutboxStart: ...

    @takes_options_of(activity_start)
    def start_activity(
        self,
        connection: SyncConnection | AsyncConnection,
        activity: Activity,
        arg: Any = UNSET,
        **options: Any,
    ) -> OutboxStart | Coroutine[Any, Any, OutboxStart]:
        """Start an activity without a workflow when the open transaction of `connection` commits.

        Args:
            connection: As of `start_workflow`.
            activity: The activity, or the name of its type.
            Further: as of `Client.start_activity`. Delays and timeouts count from the start, not from the commit.

        Raises: as `start_workflow`.
        """
        return self._start(connection, activity_start(activity, arg, **options))

    @overload
    def notify(self, connection: AsyncConnection) -> Coroutine[Any, Any, None]: ...
    @overload
    def notify(self, connection: SyncConnection) -> None: ...

    def notify(self, connection: SyncConnection | AsyncConnection) -> Coroutine[Any, Any, None] | None:
        """Tell relays to look at once; in a transaction: when it commits. Needed only with `Outbox(notify=False)`."""
        if is_async(connection):
            return _awaited(execute(connection, "notify", {}))
        execute(connection, "notify", {})
        return None

    def _start(self, connection: Any, input: Input) -> OutboxStart | Coroutine[Any, Any, OutboxStart]:
        if is_async(connection):
            return self._start_async(connection, input)
        check_transaction(connection)
        start, row = self._preparation.row_now(input)
        execute(connection, self._enqueue, row)
        return start

    async def _start_async(self, connection: Any, input: Input) -> OutboxStart:
        check_transaction(connection)
        start, row = await self._preparation.row(input)
        await execute(connection, self._enqueue, row)
        return start


async def _awaited(told: Awaitable[Any]) -> None:
    await told
