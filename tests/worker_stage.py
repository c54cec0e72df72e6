"""A worker on a stage: a broker in memory, an engine that only listens, and tasks that the test hands out itself."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from perdure.client import Client
from perdure.converter import DataConverter
from perdure.protocol.replies import ActivityDirective, CancelActivity, ReplyKind, encode_replies
from perdure.protocol.requests import RecordActivityTaskHeartbeat, RecordActivityTaskStarted
from perdure.protocol.tasks import ActivityTask, Task, WorkflowTask, encode_task, task_member
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import StreamKind, TaskStream
from tests.fake_engine import FakeEngine, Row, fake_engine, transport_to
from tests.waiting import wait_until

QUEUE = "queue"
NOW_US = 1_800_000_000_000_000

_event_ids = itertools.count(5, 6)


class Stage:
    """See the module's docstring.

    Attributes:
        directive: What the engine says when it hears of a running activity.
        answers: Replies to requests of a type, in place of the usual ones.
    """

    def __init__(self, server: MemoryServer, client: Client) -> None:
        self.server = server
        self.client = client
        self.broker = MemoryBroker(server)
        self.engine: FakeEngine
        self.directive = ActivityDirective(True, False)
        self.answers: dict[type[Any], Callable[[Any], Iterable[tuple[int, Any]]]] = {}

    def answer(self, number: int, request: Any) -> Iterable[Row]:
        special = self.answers.get(type(request))
        if special is not None:
            return [(number, kind, body) for kind, body in special(request)]
        told = isinstance(request, RecordActivityTaskStarted | RecordActivityTaskHeartbeat)
        return [(number, ReplyKind.OK, self.directive if told else None)]

    async def give(self, task: Task, kind: StreamKind | None = None, worker: str = "") -> None:
        """Put a task on its stream."""
        natural = StreamKind.ACTIVITY if isinstance(task, ActivityTask) else StreamKind.WORKFLOW
        await self.give_bytes(encode_task(task), kind or natural, worker)

    async def give_bytes(self, data: bytes, kind: StreamKind, worker: str = "") -> None:
        assert await self.broker.publish_query(TaskStream("default", QUEUE, kind, worker), data)

    async def push(self, message: CancelActivity) -> None:
        """A word of the engine to the worker's process."""
        rows = [(0, ReplyKind.PUSH, message)]
        await self.broker.reply(self.client.transport.sender, encode_replies(rows))

    async def reports(self, kind: type[Any], count: int = 1) -> list[Any]:
        """The requests of a type, once there are so many."""

        async def look() -> list[Any] | None:
            seen = self.engine.requests(kind)
            return seen if len(seen) >= count else None

        found: list[Any] = await wait_until(look, what=f"{count} of {kind.__name__}", timeout_seconds=10)
        return found

    async def report(self, kind: type[Any]) -> Any:
        return (await self.reports(kind))[0]

    def claims(self, task: ActivityTask | WorkflowTask) -> set[str]:
        """The published ids of the stream of a task; at first, only its own."""
        kind = StreamKind.ACTIVITY if isinstance(task, ActivityTask) else StreamKind.WORKFLOW
        queue = self.server.made_queue(TaskStream("default", QUEUE, kind))
        if not queue.claimed:
            queue.claimed.add(task_member(task.run_id, task.scheduled_event_id, task.attempt))
        return queue.claimed

    async def pending(self, kind: StreamKind) -> int:
        """Entries that were read and not finished."""
        return (await self.broker.queue_state(TaskStream("default", QUEUE, kind))).pending


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A stage without a worker."""
    server = MemoryServer()
    holder: list[Stage] = []
    async with (
        fake_engine(server, lambda number, request: holder[0].answer(number, request)) as engine,
        transport_to(server) as transport,
    ):
        made = Stage(server, Client(transport))
        made.engine = engine
        holder.append(made)
        yield made


def activity_task(activity_type: str, *arguments: Any, **changes: Any) -> ActivityTask:
    """A task for an activity of some workflow."""
    event_id = next(_event_ids)
    task = ActivityTask(
        namespace="default",
        workflow_id="wf",
        run_id="5f0c0e3a-0000-4000-8000-000000000001",
        workflow_type="Order",
        shard_id=0,
        scheduled_event_id=event_id,
        attempt=1,
        activity_id=str(event_id),
        activity_type=activity_type,
        input=DataConverter.default.to_bytes(arguments),
        inline=True,
        headers=b"",
        heartbeat_details=b"",
        scheduled_time_us=NOW_US,
        current_attempt_scheduled_time_us=NOW_US,
        schedule_to_close_timeout_ms=0,
        start_to_close_timeout_ms=10_000,
        heartbeat_timeout_ms=0,
        report_start=False,
        task_queue=QUEUE,
    )
    return task._replace(**changes)
