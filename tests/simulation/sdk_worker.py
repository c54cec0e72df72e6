"""A worker of the SDK, as a program of a user has it, in a simulated process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from perdure.client import Client
from perdure.service import RPCError, RPCStatusCode
from perdure.worker import Worker
from perdure_broker.port import Broker, BrokerUnavailable, Leases
from tests.simulation.generated import NOBODY_QUEUE, Generated, Labor
from tests.simulation.ledger import Ledger
from tests.simulation.limit_plans import LIMITED_QUEUE
from tests.simulation.process import Process
from tests.simulation.schedule_client import Scheduled
from tests.simulation.sdk_environment import AGAIN_S, VirtualThreads, connected

QUEUE = "generated"
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class WorkerSettings:
    """Attributes:
    slots: tasks of each kind at once.
    cached: workflow instances kept in memory; 0: none, so that there is no sticky stream either.
    grace_s: how long activities may finish when the worker is asked to stop.
    comes_late_s: when it begins to poll the queue that nobody polls, too; 0: never.
    polls_limited: whether it polls the queue under limits, too.
    """

    slots: int = 20
    cached: int = 1000
    grace_s: float = 0.0
    comes_late_s: float = 0.0
    polls_limited: bool = False


class SdkWorker:
    """Runs until its process dies, or until `shut_down` has returned."""

    def __init__(
        self,
        process: Process,
        broker: Broker,
        open_leases: Callable[[], Leases],
        ledger: Ledger,
        settings: WorkerSettings,
    ) -> None:
        self._process = process
        self._broker = broker
        self._open_leases = open_leases
        self._labor = Labor(process, ledger, self)
        self._client: Client | None = None
        self._settings = settings
        self._worker: Worker | None = None
        self._limited: Worker | None = None

    def open(self) -> None:
        self._process.spawn(self._run(), name="worker")

    async def shut_down(self) -> None:
        """In good order: what runs is given back or finished."""
        if self._limited is not None:
            await self._limited.shutdown()
        if self._worker is not None:
            await self._worker.shutdown()
            await self._worker.client.close()

    def complete(self, task_token: bytes, result: Any) -> None:
        """Complete an activity a moment later, as if that were another program, which dies with this one."""
        self._process.spawn(self._complete(task_token, result), name="outside")

    async def _complete(self, task_token: bytes, result: Any) -> None:
        await self._process.sleep(self._process.random.choice([0.0, 0.05, 0.5]))
        assert self._client is not None
        handle = self._client.get_async_activity_handle(task_token=task_token)
        try:
            await handle.complete(result, rpc_timeout=PATIENCE)
        except RPCError as error:
            # Its attempt is over, or its workflow is; or this program ends before it has its answer.
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.CANCELLED):
                raise

    async def _run(self) -> None:
        client = self._client = Client(await connected(self._process, self._broker, self._open_leases))
        if self._settings.comes_late_s:
            self._process.spawn(self._come_late(client), name="late")
        if self._settings.polls_limited:
            self._process.spawn(self._poll_limited(client), name="limited")
        while True:
            self._worker = self._make(client)
            try:
                await self._worker.run()
            except BrokerUnavailable:  # it was lost again before the first poll
                await self._process.sleep(AGAIN_S)
            else:
                return

    async def _come_late(self, client: Client) -> None:
        """Poll the queue that nobody polls, when everything in it has long timed out."""
        await self._process.sleep(max(0.0, self._settings.comes_late_s - self._process.monotonic()))
        await Worker(client, task_queue=NOBODY_QUEUE, activities=[self._labor.work]).run()

    async def _poll_limited(self, client: Client) -> None:
        while True:
            self._limited = Worker(
                client,
                task_queue=LIMITED_QUEUE,
                activities=[self._labor.work, self._labor.work_in_thread],
                activity_executor=VirtualThreads(self._process, self._settings.slots),
                max_concurrent_activities=self._settings.slots,
            )
            try:
                await self._limited.run()
            except BrokerUnavailable:
                await self._process.sleep(AGAIN_S)
            else:
                return

    def _make(self, client: Client) -> Worker:
        settings = self._settings
        return Worker(
            client,
            task_queue=QUEUE,
            workflows=[Generated, Scheduled],
            activities=[self._labor.work, self._labor.work_in_thread, self._labor.work_locally],
            activity_executor=VirtualThreads(self._process, settings.slots),
            max_cached_workflows=settings.cached,
            max_concurrent_workflow_tasks=settings.slots,
            max_concurrent_activities=settings.slots,
            graceful_shutdown_timeout=timedelta(seconds=settings.grace_s),
            debug_mode=True,  # the watch for code that blocks looks at a real thread
        )
