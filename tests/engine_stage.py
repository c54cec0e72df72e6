"""A stage for tests of the engine: engines on memory parts and virtual time, and by hand what clients and workers do.

`Stage` is one client and one worker. What it does not do by itself: answer tasks, send again, renew a lease.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from perdure.protocol.commands import (
    COMMANDS,
    Command,
    CompleteWorkflowExecution,
    ScheduleActivityTask,
)
from perdure.protocol.content import ContentBlock
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import ReplyKind, decode_replies, decode_started
from perdure.protocol.requests import (
    RespondActivityTaskCompleted,
    RespondWorkflowTaskCompleted,
    StartWorkflow,
    encode_envelope,
    numbered_request,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import ActivityTask, QueryTask, Task, WorkflowTask, decode_task
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import BrokerUnavailable, ClusterInfo, StreamKind, TaskEntry, TaskStream, WorkerInfo
from perdure_engine.engine import Engine
from perdure_engine.history.committing import BatchLost
from perdure_engine.history.post import Post
from perdure_engine.history.routing import Routing
from perdure_store.memory import CommitFault, MemoryDatabase, MemoryStore
from perdure_store.port import CommitBatch, StoreError, TransferRow
from tests.simulation.process import EPOCH_US, Process
from tests.simulation.virtual_loop import VirtualLoop

QUEUE = "queue"
WORKFLOWS = TaskStream("default", QUEUE, StreamKind.WORKFLOW)
ACTIVITIES = TaskStream("default", QUEUE, StreamKind.ACTIVITY)
LEASE_MS = 2_000
POST = Post(ClusterInfo("cluster", 1, 1))
"""The post of a stage with one shard."""
ROUTING = Routing(MemoryStore(MemoryDatabase()))
"""Without worker deployments."""

CommitRule = Callable[[CommitBatch], CommitFault]


async def until(is_so: Callable[[], Any], *, within_s: float = 30.0, what: str = "") -> Any:
    """Let virtual time pass until `is_so` is truthy, and return what it said."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not (seen := is_so()):
        assert loop.time() < end, f"not within {within_s:g} virtual seconds: {what or is_so}"
        await pass_time(0.01)
    return seen


async def pass_time(seconds: float) -> None:
    """Let virtual time pass."""
    never = asyncio.Event()
    try:
        async with asyncio.timeout(seconds):
            await never.wait()
    except TimeoutError:
        return


def on_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run one asynchronous test on a loop of its own. Whole folders have it from `tests/fix_stage.py`."""

    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **options))

    return run


class Stage:
    """Args:
    shards: how many; with one, every workflow is on the same.
    """

    def __init__(self, shards: int = 1) -> None:
        self.shards = shards
        self.loop = asyncio.get_running_loop()
        self.database = MemoryDatabase()
        self.server = MemoryServer(now_ms=lambda: self.now_us() // 1000)
        self.broker = MemoryBroker(self.server)
        self.store = MemoryStore(self.database)
        self.commit_rule: CommitRule = lambda batch: CommitFault.NONE
        self.store_calls: Callable[[str], Awaitable[None]] | None = None
        self.commit_delay_s: Callable[[CommitBatch], float] = lambda batch: 0.0
        self.commits: list[CommitBatch] = []
        self.failures: list[BaseException] = []
        self.engines: dict[str, Engine] = {}
        self._processes: dict[str, Process] = {}
        self._started: list[Process] = []
        self._stops: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._replies: dict[int, asyncio.Queue[tuple[int, Any]]] = {}
        self._background: list[asyncio.Task[None]] = []
        self.pushes: list[Any] = []
        self._numbers = 0

    def now_us(self) -> int:
        return EPOCH_US + int(self.loop.time() * 1_000_000)

    # Engines -------------------------------------------------------------------------------------------------------
    async def open(self, *names: str, **options: Any) -> Stage:
        """Start engines (one by default) and wait until all shards are held."""
        if self.database.cluster is None:
            await self.store.migrate(self.shards)
            await self.broker.open_replies("stage", 3_600_000)
            self._background.append(self.loop.create_task(self._read_replies()))
        for name in names or ("one",):
            await self.start_engine(name, **options)
        await until(lambda: all(row.owner for row in self.database.shards.values()), what="every shard has an owner")
        await self.announce()
        return self

    async def start_engine(self, name: str, **options: Any) -> Engine:
        process = Process(name, random.Random(name), failed=self._failed)
        self._started.append(process)
        store = MemoryStore(self.database, on_commit=self._on_commit, on_call=self._on_call)
        options = {"lease_ms": LEASE_MS, **options}
        engine = Engine(store, MemoryBroker(self.server), process, node=name, **options)
        self.engines[name], self._processes[name], self._stops[name] = engine, process, asyncio.Event()
        ready = asyncio.Event()
        self._tasks[name] = process.spawn(engine.run(self._stops[name], ready=ready.set), name="engine")
        waiting = self.loop.create_task(ready.wait())
        await asyncio.wait([self._tasks[name], waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return engine

    async def stop_engine(self, name: str = "one") -> None:
        """Stop gracefully, and raise what the engine raised."""
        self._stops[name].set()
        await self._tasks.pop(name)

    def kill_engine(self, name: str = "one") -> None:
        self._processes[name].kill()
        self._tasks.pop(name)

    async def close(self) -> None:
        for process in self._started:
            process.discard()
        for task in self._background:
            task.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _failed(self, _: str, error: BaseException) -> None:
        if not isinstance(error, BatchLost | StoreError | BrokerUnavailable):  # these are told to whoever waits
            self.failures.append(error)

    async def _on_commit(self, batch: CommitBatch) -> CommitFault:
        self.commits.append(batch)
        if delay_s := self.commit_delay_s(batch):
            await pass_time(delay_s)
        return self.commit_rule(batch)

    async def _on_call(self, method: str) -> None:
        if self.store_calls is not None:
            await self.store_calls(method)

    @property
    def history(self) -> Any:
        """The history service of the one engine."""
        [engine] = self.engines.values()
        assert engine.history is not None
        return engine.history

    # The client ----------------------------------------------------------------------------------------------------
    def shard_of(self, workflow_id: str) -> int:
        return shard_id_for("default", workflow_id, self.shards)

    async def send(
        self, *requests: Any, shard_id: int = 0, map_version: int = 1, content: ContentBlock | None = None
    ) -> list[int]:
        """Send requests as one inbox entry, each with this content. Returns their numbers, for `reply`."""
        rows = [numbered_request(self.expect(), request, content) for request in requests]
        await self.broker.send([(shard_id, encode_envelope(map_version, "stage", rows))])
        return [row[0] for row in rows]

    def expect(self) -> int:
        """A new request number, whose replies are kept for `reply`."""
        self._numbers += 1
        self._replies[self._numbers] = asyncio.Queue()
        return self._numbers

    async def reply(self, number: int, *, within_s: float = 30.0) -> tuple[int, Any]:
        """The next reply to a request: its kind and undecoded body."""
        async with asyncio.timeout(within_s):
            return await self._replies[number].get()

    def has_reply(self, number: int) -> bool:
        return not self._replies[number].empty()

    async def ask(self, request: Any, *, shard_id: int = 0, content: ContentBlock | None = None) -> tuple[int, Any]:
        [number] = await self.send(request, shard_id=shard_id, content=content)
        return await self.reply(number)

    async def start(self, workflow_id: str = "wf", **fields: Any) -> str:
        """Start a workflow and return its run id."""
        shard_id = self.shard_of(workflow_id)
        kind, body = await self.ask(start_request(workflow_id, **fields), shard_id=shard_id)
        assert kind == ReplyKind.OK, body
        return decode_started(body).run_id

    async def _read_replies(self) -> None:
        cursor = b"0-0"
        while True:
            try:
                if await self.broker.open_replies("stage", 3_600_000):
                    cursor = b"0-0"
                entries = await self.broker.read_replies("stage", cursor, block_ms=1_000)
            except BrokerUnavailable:
                await pass_time(0.1)
                continue
            for entry in entries:
                cursor = entry.entry_id
                for number, kind, body in decode_replies(entry.data):
                    if number in self._replies:
                        self._replies[number].put_nowait((kind, body))
                    else:
                        self.pushes.append(body)

    # The worker ----------------------------------------------------------------------------------------------------
    async def announce(self, worker: str = "worker", *, slots: int = 100, sticky: bool = False) -> None:
        """Say, for an hour, that a worker polls."""
        streams = [WORKFLOWS, ACTIVITIES]
        if sticky:
            streams.append(WORKFLOWS._replace(kind=StreamKind.STICKY, worker=worker))
        for stream in streams:
            await self.broker.announce_worker(stream, WorkerInfo(worker, worker, slots, 0), 3_600_000)

    async def take(
        self, stream: TaskStream = WORKFLOWS, *, worker: str = "worker", within_s: float = 30.0
    ) -> tuple[TaskEntry, Any]:
        """The next task of a stream."""
        entries = await self.broker.read_tasks([stream], worker, count=1, block_ms=int(within_s * 1000))
        assert entries, f"no task came to {stream} within {within_s:g} virtual seconds"
        task: Task = decode_task(entries[0].data)
        return entries[0], task

    async def take_workflow_task(self, **options: Any) -> tuple[TaskEntry, WorkflowTask]:
        entry, task = await self.take(WORKFLOWS, **options)
        assert isinstance(task, WorkflowTask)
        return entry, task

    async def take_activity(self, **options: Any) -> tuple[TaskEntry, ActivityTask]:
        entry, task = await self.take(ACTIVITIES, **options)
        assert isinstance(task, ActivityTask)
        return entry, task

    async def take_query(self, stream: TaskStream = WORKFLOWS) -> tuple[TaskEntry, QueryTask]:
        entry, task = await self.take(stream)
        assert isinstance(task, QueryTask)
        return entry, task

    async def complete(
        self, entry: TaskEntry, task: WorkflowTask, *commands: Command, sticky_worker: str = ""
    ) -> tuple[int, Any]:
        """Complete a workflow task."""
        request = completion(entry, task, *commands, sticky_worker=sticky_worker)
        return await self.ask(request, shard_id=task.shard_id)

    async def decide(self, *commands: Command, sticky_worker: str = "") -> WorkflowTask:
        """Take the next workflow task and complete it."""
        entry, task = await self.take_workflow_task()
        kind, body = await self.complete(entry, task, *commands, sticky_worker=sticky_worker)
        assert kind == ReplyKind.OK, body
        return task

    async def finish_activity(self, entry: TaskEntry, task: ActivityTask, result: bytes = b"done") -> tuple[int, Any]:
        request = RespondActivityTaskCompleted(
            task.run_id, task.scheduled_event_id, task.attempt, 0, result, "worker", entry.stream, entry.entry_id
        )
        return await self.ask(request, shard_id=task.shard_id)

    # What is stored ------------------------------------------------------------------------------------------------
    def outstanding(self, *kinds: int) -> list[TransferRow]:
        rows = [row for table in self.database.transfer.values() for row in table.values()]
        return [row for row in rows if not kinds or row.kind in kinds]


def start_request(workflow_id: str = "wf", **fields: Any) -> StartWorkflow:
    request = StartWorkflow("default", workflow_id, "type", QUEUE, b"in", f"start {workflow_id}", "client")
    return request._replace(**fields)


def activity(activity_id: str = "a", **fields: Any) -> ScheduleActivityTask:
    command = ScheduleActivityTask(activity_id, "act", "", b"in", 0, 0, 60_000, 0, RetryPolicyData(100))
    return command._replace(**fields)


def done(result: bytes = b"out") -> CompleteWorkflowExecution:
    return CompleteWorkflowExecution(result)


def completion(
    entry: TaskEntry, task: WorkflowTask, *commands: Command, sticky_worker: str = ""
) -> RespondWorkflowTaskCompleted:
    """A completion as it is sent."""
    numbered: Sequence[Any] = [COMMANDS.numbered(command) for command in commands]
    return RespondWorkflowTaskCompleted(
        task.run_id,
        task.scheduled_event_id,
        task.attempt,
        task.started_time_us,
        tuple(numbered),
        "worker",
        sticky_worker,
        entry.stream,
        entry.entry_id,
    )
