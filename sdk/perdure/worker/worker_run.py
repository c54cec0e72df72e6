"""One worker from its first poll to its last: starts its parts, watches them, stops them in order.

The order of stopping: read no more; let activities finish, then cancel them; wait until the engine has what was
reported; only then give up the leases.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import itertools
import logging
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perdure.client import Client
from perdure.common import HeaderCodecBehavior
from perdure.converter import DataConverter
from perdure.execution import io_guard, stand_ins
from perdure.execution.surroundings import WorkerSettings
from perdure.execution.versions import PatchActivationInput
from perdure.metrics import MetricMeter
from perdure.transport import Transport
from perdure.versioning import WorkerDeploymentConfig
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.activity_worker import ActivityWorker
from perdure.worker.deadlock_watch import DeadlockWatch
from perdure.worker.deployment import polled_queue, register
from perdure.worker.instance_cache import InstanceCache
from perdure.worker.interceptor import Interceptor, workflow_interceptor_classes
from perdure.worker.lease_keeper import Entry, LeaseKeeper
from perdure.worker.link import WorkerLink
from perdure.worker.pace import Pace
from perdure.worker.process_pool import ProcessPool
from perdure.worker.progress import BEAT_S, WorkerProgress
from perdure.worker.registry import Registry
from perdure.worker.task_reader import TaskReader
from perdure.worker.workflow_worker import WorkflowWorker
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskStream

logger = logging.getLogger("perdure.worker")

MAX_THREADS = 100
"""Threads of the executor that a worker makes for `def` activities when it is given none."""

_LEASE_UNTIL_ANNOUNCED_MS = 30_000
_GC_THRESHOLDS = (200_000, 5, 5)
"""Young objects are looked at often enough to free what user code leaves in cycles, and seldom enough for a fan-out of
10,000 activities: it has more than a hundred thousand of them alive, and each look takes tens of milliseconds. Old ones
are looked at after five times five such looks, and only if there are a quarter more of them (Python's own rule)."""

_FLUSH_TIMEOUT_S = 5.0
_FLUSH_LOOK_S = 0.01

_numbers: weakref.WeakKeyDictionary[Transport, Iterator[int]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker was told; see `Worker`."""

    transport: Transport
    namespace: str
    task_queue: str
    converter: DataConverter
    registry: Registry
    executor: concurrent.futures.Executor | None
    identity: str
    max_cached_workflows: int
    workflow_slots: int
    activity_slots: int
    max_heartbeat_interval_s: float
    default_heartbeat_interval_s: float
    grace_s: float
    failure_exception_types: tuple[type[BaseException], ...]
    deadlock_s: float
    interceptors: tuple[Interceptor, ...] = ()
    header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC
    metric_meter: MetricMeter = MetricMeter.noop
    patch_activation: Callable[[PatchActivationInput], bool] | None = None
    local_activity_slots: int = 1_000
    no_remote_activities: bool = False
    deployment: WorkerDeploymentConfig | None = None
    client: Client | None = None
    activities_per_second: float | None = None
    task_pool: ProcessPool | None = None
    progress: WorkerProgress | None = None


class WorkerRun:
    """See the module's docstring. Made and used on one event loop."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        transport = options.transport
        worker_id = _worker_id(transport)
        self._environment = environment = transport.environment
        self._leases = LeaseKeeper(
            worker_id,
            transport.open_leases,
            self._lost,
            _LEASE_UNTIL_ANNOUNCED_MS,
            environment,
            epoch=transport.epoch,
        )
        self._link = WorkerLink(
            transport,
            namespace=options.namespace,
            task_queue=options.task_queue,
            converter=options.converter,
            worker_id=worker_id,
            identity=options.identity,
            leases=self._leases,
            header_codec_behavior=options.header_codec_behavior,
            client=options.client,
        )
        self._watch = DeadlockWatch(options.deadlock_s)
        self._own_executor: concurrent.futures.Executor | None = None
        self._activities: ActivityWorker | None = None
        self._workflows: WorkflowWorker | None = None
        self._readers: list[TaskReader] = []
        self._polled_queue = polled_queue(options.deployment, options.task_queue)
        if options.registry.activities:
            self._make_activities()
        if options.registry.workflows:
            self._add_workflows()
        if self._activities is not None and not options.no_remote_activities:
            self._add_activity_reader(self._activities)

    async def run(self, shutdown_asked: asyncio.Event) -> None:
        """Work until asked to stop.

        Raises:
            BrokerUnavailable: the server cannot be reached at the start.
            RPCError: the version that this worker is to be is refused.
        """
        options = self._options
        await register(
            options.transport,
            options.namespace,
            options.task_queue,
            options.deployment,
            runs_workflows=self._workflows is not None,
            runs_activities=self._activities is not None and not options.no_remote_activities,
        )
        for reader in self._readers:
            await reader.announce()
        unsubscribe = self._link.transport.on_push(self._pushed)
        _relax_garbage_collection()
        self._leases.start()
        self._watch.start()
        spawn = self._environment.spawn
        announcing = [spawn(reader.keep_announcing(), name="announcing") for reader in self._readers]
        if options.progress is not None:
            announcing.append(spawn(self._keep_beating(options.progress), name="beating"))
        reading = [spawn(reader.run(), name="reading") for reader in self._readers]
        asked = spawn(shutdown_asked.wait(), name="shutdown")
        logger.info("Worker %s polls %r of %r.", options.identity, options.task_queue, options.namespace)
        try:
            done, _ = await asyncio.wait([asked, *reading, *announcing], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what ended a reader
        finally:
            asked.cancel()
            for task in announcing:
                task.cancel()
            await self._stop(reading)
            unsubscribe()

    async def _keep_beating(self, progress: WorkerProgress) -> None:
        """Say that the event loop runs, until cancelled."""
        while True:
            activities = self._activities
            held = 0 if activities is None else activities.held
            progress.beat(held, is_blocked=activities is not None and activities.is_blocked())
            await asyncio.sleep(BEAT_S)

    # Parts -----------------------------------------------------------------------------------------------------------
    def _add_workflows(self) -> None:
        options, registry = self._options, self._options.registry
        io_guard.install()
        stand_ins.install()
        for definition in registry.workflows.values():
            stand_ins.adapt_module_of(definition.target)
        settings = WorkerSettings(
            options.namespace,
            options.task_queue,
            options.converter,
            options.failure_exception_types,
            workflow_interceptor_classes(options.interceptors),
            options.metric_meter,
            options.patch_activation,
            options.deployment,
        )
        cache = InstanceCache(options.max_cached_workflows, self._watch.close)
        self._workflows = worker = WorkflowWorker(
            self._link,
            registry,
            settings,
            cache,
            self._watch,
            options.workflow_slots,
            None if self._activities is None else self._activities.execution,
            options.local_activity_slots,
            interceptors=options.interceptors,
        )
        streams = [self._stream(StreamKind.WORKFLOW)]
        if cache.is_enabled or self._activities is not None:  # a task that is extended for local activities comes back
            streams.append(self._stream(StreamKind.STICKY, self._link.worker_id))
        reader = TaskReader(
            self._link, streams, options.workflow_slots, worker.free, worker.accept, progress=options.progress
        )
        worker.slot_freed = reader.slot_freed
        self._readers.append(reader)

    def _make_activities(self) -> None:
        options, registry = self._options, self._options.registry
        executor = options.executor
        if executor is None:
            threads = min(MAX_THREADS, options.activity_slots)
            executor = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="perdure-activity")
            self._own_executor = executor
        execution = ActivityExecution(executor, options.converter, options.task_queue, options.task_pool)
        capacity = execution.capacity(registry.activities.values())
        slots = options.activity_slots if capacity is None else min(options.activity_slots, capacity)
        held_max = options.activity_slots if execution.is_all_in_processes(registry.activities.values()) else slots
        self._activities = ActivityWorker(
            self._link,
            registry,
            execution,
            slots,
            held_max,
            interceptors=options.interceptors,
            metric_meter=options.metric_meter,
            default_heartbeat_interval_s=options.default_heartbeat_interval_s,
            max_heartbeat_interval_s=options.max_heartbeat_interval_s,
        )

    def _add_activity_reader(self, worker: ActivityWorker) -> None:
        stream = self._stream(StreamKind.ACTIVITY)
        rate = self._options.activities_per_second
        pace = None if rate is None else Pace(rate, self._link.loop.time)
        reader = TaskReader(
            self._link, [stream], worker.slots, worker.free, worker.accept, pace, self._options.progress
        )
        worker.slot_freed = reader.slot_freed
        self._readers.append(reader)

    def _stream(self, kind: StreamKind, worker: str = "") -> TaskStream:
        return TaskStream(self._options.namespace, self._polled_queue, kind, worker)

    # From elsewhere --------------------------------------------------------------------------------------------------
    def _pushed(self, body: object) -> None:
        if self._activities is not None:
            self._activities.pushed(body)

    def _lost(self, entries: list[Entry]) -> None:
        """From the thread of the lease keeper."""
        if self._activities is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._link.loop.call_soon_threadsafe(self._activities.lost, entries)

    # Stopping --------------------------------------------------------------------------------------------------------
    async def _stop(self, reading: list[asyncio.Task[None]]) -> None:
        for reader in self._readers:
            reader.stop()
        try:
            await self._link.broker.wake_task_readers()
            await asyncio.gather(*reading, return_exceptions=True)
            for reader in self._readers:
                await reader.withdraw()
        except BrokerUnavailable as error:
            logger.warning("The worker stops while the server is away (%s).", error)
            for task in reading:
                task.cancel()
        grace_s = self._options.grace_s
        parts = [part.stop(grace_s) for part in (self._workflows, self._activities) if part is not None]
        await asyncio.gather(*parts)
        await self._flush()
        await self._link.finish_background(_FLUSH_TIMEOUT_S)
        await self._environment.in_thread(self._leases.stop)
        await self._environment.in_thread(self._watch.stop)
        if self._own_executor is not None:
            self._own_executor.shutdown(wait=False)

    async def _flush(self) -> None:
        """Wait until the engine has what was reported."""
        deadline = self._link.loop.time() + _FLUSH_TIMEOUT_S
        while len(self._leases):
            if self._link.loop.time() > deadline:
                logger.warning("%d reports have no reply; their tasks will be given to others.", len(self._leases))
                return
            await asyncio.sleep(_FLUSH_LOOK_S)


def _relax_garbage_collection() -> None:
    """Look for cycles less often, unless the program chose by itself: with thousands of workflows in memory, Python's
    default (700 allocations) spends a third of a worker's time on looking, and finds nothing."""
    if gc.get_threshold()[0] < _GC_THRESHOLDS[0]:
        gc.set_threshold(*_GC_THRESHOLDS)


def _worker_id(transport: Transport) -> str:
    """The sender's name for the first worker of a connection, that and a number for further ones."""
    number = next(_numbers.setdefault(transport, itertools.count(1)))
    return transport.sender if number == 1 else f"{transport.sender}.{number}"
