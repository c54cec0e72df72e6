"""A worker that carries out scripts, by the protocol alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from perdure.protocol.events import decode_records
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import (
    CancelActivity,
    QueryAnswer,
    ReplyKind,
    decode_activity_directive,
    decode_history_page,
    encode_replies,
)
from perdure.protocol.requests import (
    GetWorkflowTask,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
)
from perdure.protocol.tasks import ActivityTask, QueryTask, WorkflowTask, decode_task, task_member
from perdure_broker.memory import MemoryLeases
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import Broker, BrokerUnavailable, StreamKind, TaskEntry, TaskStream, WorkerInfo
from tests.simulation.ledger import Ledger
from tests.simulation.process import Process
from tests.simulation.script import TaskFails, View
from tests.simulation.station import Station

OK = frozenset({int(ReplyKind.OK)})
LEASE_MS = 2_000
TTL_MS = 6_000


class _Directive(Exception):
    """The engine does not want the attempt any more, or wants it to be cancelled."""

    def __init__(self, is_current: bool) -> None:
        super().__init__()
        self.is_current = is_current


class _Running:
    """An attempt under way: the entry that stands for it, what the engine says about it, and whether it is over."""

    def __init__(self, entry: TaskEntry) -> None:
        self.entry = entry
        self.words: asyncio.Queue[bool] = asyncio.Queue()
        self.over = asyncio.Event()


class Worker:
    """Args:
    adopts: lets a second entry for an attempt that it runs stand for that; else it begins with it again.
    """

    def __init__(
        self,
        process: Process,
        broker: Broker,
        server: MemoryServer,
        ledger: Ledger,
        queue: str,
        slots: int,
        adopts: bool,
    ) -> None:
        self._adopts = adopts
        self._slots = slots
        self._process = process
        self._broker = broker
        self._leases = MemoryLeases(server)
        self._ledger = ledger
        self._name = process.name
        self._workflow_streams = [
            TaskStream("default", queue, StreamKind.WORKFLOW),
            TaskStream("default", queue, StreamKind.STICKY, self._name),
        ]
        self._activity_streams = [TaskStream("default", queue, StreamKind.ACTIVITY)]
        self._station = Station(self._name, process, broker, self._pushed)
        self._views: dict[str, View] = {}
        self._held: dict[tuple[bytes, bytes], int] = {}
        self._running: dict[tuple[str, int, int], _Running] = {}

    async def run(self) -> None:
        self._station.open()
        self._process.spawn(self._keep_leases(), name="leases")
        for streams in (self._workflow_streams, self._activity_streams):
            self._process.spawn(self._keep_announcing(streams), name="announce")
            self._process.spawn(self._read(streams), name="read")

    async def _keep_announcing(self, streams: list[TaskStream]) -> None:
        while True:
            try:
                for stream in streams:
                    await self._broker.announce_worker(
                        stream, WorkerInfo(self._name, self._name, self._slots, 0), TTL_MS
                    )
            except BrokerUnavailable:
                await self._process.sleep(0.1)
                continue
            await self._process.sleep(TTL_MS / 3000)

    async def _keep_leases(self) -> None:
        while True:
            await self._process.sleep(LEASE_MS / 4000)
            held: dict[bytes, list[bytes]] = {}
            for stream, entry_id in self._held:
                held.setdefault(stream, []).append(entry_id)
            try:
                self._leases.renew(self._name, held)
            except BrokerUnavailable:
                continue

    async def _read(self, streams: list[TaskStream]) -> None:
        count = 0
        own: dict[asyncio.Task[None], int] = {}
        while True:
            try:
                free = self._slots - len(own)
                entries = await self._broker.read_tasks(streams, self._name, count=min(5, free), block_ms=500)
            except BrokerUnavailable:
                await self._process.sleep(0.1)
                continue
            for entry in entries:
                count += 1
                self._held[entry.stream, entry.entry_id] = 1
                task = self._process.spawn(self._work(entry), name=f"task-{count}")
                own[task] = 1
                task.add_done_callback(own.pop)
            while len(own) >= self._slots:
                await self._process.sleep(0.005)

    async def _work(self, entry: TaskEntry) -> None:
        task = decode_task(entry.data)
        try:
            if isinstance(task, WorkflowTask):
                await self._decide(entry, task)
            elif isinstance(task, ActivityTask):
                await self._act(entry, task)
            else:
                await self._answer(entry, task)
        finally:
            self._held.pop((entry.stream, entry.entry_id), None)  # ids that went back may name two

    async def _drop(self, entry: TaskEntry, member: str = "") -> None:
        """Nobody wants this task: give its entry back."""
        while True:
            try:
                await self._broker.finish(entry.stream, [entry.entry_id], [member] if member else [])
                return
            except BrokerUnavailable:
                await self._process.sleep(0.1)

    # Workflow tasks ------------------------------------------------------------------------------------------------
    async def _decide(self, entry: TaskEntry, task: WorkflowTask) -> None:
        view = await self._view(task)
        if view is None:
            await self._drop(entry, task_member(task.run_id, task.scheduled_event_id, task.attempt))
            return
        about = (task.run_id, task.scheduled_event_id, task.attempt, task.started_time_us)
        try:
            commands = view.decide(task.attempt)
        except TaskFails as error:
            failed = RespondWorkflowTaskFailed(
                *about,
                "WORKFLOW_WORKER_UNHANDLED_FAILURE",
                Failure(str(error)),
                self._name,
                entry.stream,
                entry.entry_id,
            )
            await self._station.ask(task.shard_id, failed, until=OK)
            return
        completed = RespondWorkflowTaskCompleted(
            *about, tuple(commands), self._name, self._name, entry.stream, entry.entry_id
        )
        kind, _ = await self._station.ask(task.shard_id, completed, until=OK)
        if kind == ReplyKind.OK:
            view.stands_at = task.scheduled_event_id + 2
            self._views[task.run_id] = view

    async def _view(self, task: WorkflowTask) -> View | None:
        """The instance that stands before this task, with the task's events applied; None if the task is over."""
        view = self._views.pop(task.run_id, None)
        if view is not None and view.stands_at == task.continues_from and task.events:
            # The two events that completed the task before are written by the engine, and not sent.
            view.next_event_id = task.continues_from + 1
            view.apply(decode_records(task.events))
            return view
        view = View()
        if task.continues_from == 0 and task.events:
            view.apply(decode_records(task.events))
            return view
        token = b""
        while True:
            request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, token)
            kind, body = await self._station.ask(task.shard_id, request, until=OK)
            if kind == ReplyKind.ERROR:
                return None
            page = decode_history_page(body)
            for records in page.records:
                view.apply(decode_records(records))
            token = page.next_page_token
            if not token:
                return view

    # Queries -------------------------------------------------------------------------------------------------------
    async def _answer(self, entry: TaskEntry, task: QueryTask) -> None:
        answer = encode_replies([(task.request_number, ReplyKind.OK, QueryAnswer(b"fine"))])
        with contextlib.suppress(BrokerUnavailable):  # the asker asks again
            await self._broker.reply(task.reply_to, answer)
        await self._drop(entry)

    # Activity tasks ------------------------------------------------------------------------------------------------
    async def _act(self, entry: TaskEntry, task: ActivityTask) -> None:
        key = (task.run_id, task.scheduled_event_id, task.attempt)
        running = self._running.get(key)
        if running is not None and not self._adopts:
            await self._carry_out(_Running(entry), task)
            return
        if running is not None:
            # The broker lost everything, and the attempt was handed out again: the new entry stands for it from now on.
            running.entry = entry
            await running.over.wait()
            return
        running = self._running[key] = _Running(entry)
        try:
            await self._carry_out(running, task)
        finally:
            running.over.set()
            del self._running[key]

    async def _carry_out(self, running: _Running, task: ActivityTask) -> None:
        spec = json.loads(task.input)
        started_us = self._process.now_us()
        about = (task.run_id, task.scheduled_event_id, task.attempt, started_us)
        request: Any
        try:
            if task.report_start:
                await self._report_start(task, started_us)
            now_s = self._process.monotonic()
            self._ledger.attempt_began(task.run_id, task.activity_id, task.attempt, self._name, now_s)
            await self._body(task, spec, running.words, started_us)
        except _Directive as directive:
            if not directive.is_current:
                await self._drop(running.entry, task_member(task.run_id, task.scheduled_event_id, task.attempt))
                return
            request = RespondActivityTaskCanceled(*about, b"", self._name, *running.entry[:2])
        else:
            if task.attempt <= spec.get("fail", 0) or spec.get("fatal"):
                failure = Failure("scripted", info=ApplicationInfo("Scripted", bool(spec.get("fatal"))))
                request = RespondActivityTaskFailed(*about, failure, self._name, *running.entry[:2])
            else:
                result = f"{self._name}:{task.attempt}".encode()
                request = RespondActivityTaskCompleted(*about, result, self._name, *running.entry[:2])
        await self._station.ask(task.shard_id, request, until=OK)
        if running.entry[:2] != (request.stream, request.entry_id):
            await self._drop(running.entry, task_member(task.run_id, task.scheduled_event_id, task.attempt))

    async def _body(
        self, task: ActivityTask, spec: dict[str, int], words: asyncio.Queue[bool], started_us: int
    ) -> None:
        """Take the time that the script says, and listen meanwhile."""
        is_stuck = bool(spec.get("stuck")) and task.attempt == 1
        left_s = 3_600.0 if is_stuck else spec["ms"] / 1000
        is_reported = task.report_start
        while left_s > 0:
            pause_s = min(left_s, 0.1 if not is_reported else 0.5)
            try:
                async with asyncio.timeout(pause_s):
                    raise _Directive(await words.get())
            except TimeoutError:
                left_s -= pause_s
            await self._process.gate()
            if left_s <= 0:
                return
            if not is_reported:
                await self._report_start(task, started_us)
                is_reported = True
            elif spec.get("beat") or is_stuck:
                beat = RecordActivityTaskHeartbeat(
                    task.run_id, task.scheduled_event_id, task.attempt, b"at %d" % int(left_s * 1000), self._name
                )
                await self._ask_directive(task, beat)

    async def _report_start(self, task: ActivityTask, started_us: int) -> None:
        report = RecordActivityTaskStarted(task.run_id, task.scheduled_event_id, task.attempt, started_us, self._name)
        await self._ask_directive(task, report)

    async def _ask_directive(self, task: ActivityTask, request: Any) -> None:
        kind, body = await self._station.ask(task.shard_id, request, until=OK)
        if kind == ReplyKind.ERROR:
            raise _Directive(False)
        directive = decode_activity_directive(body)
        if not directive.current or directive.cancel_requested:
            raise _Directive(directive.current)

    def _pushed(self, word: CancelActivity) -> None:
        running = self._running.get((word.run_id, word.scheduled_event_id, word.attempt))
        if running is not None and not (word.paused or word.reset):  # it may finish
            running.words.put_nowait(word.current)
