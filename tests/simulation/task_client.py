"""What a client of the SDK does about activities without a workflow: it carries out its part of `TaskPlan`s.

Role: to ask as users do, and in the ways that they do by mistake; whether the answers are right the auditor judges,
from what went over the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from perdure.client import ActivityFailureError, Client, StartActivityInput
from perdure.client.standalone_start import start_request
from perdure.exceptions import ActivityAlreadyStartedError, ApplicationError
from perdure.protocol.replies import decode_started
from perdure.service import RPCError, RPCStatusCode
from tests.simulation.generated import options
from tests.simulation.ledger import Ledger, Listing
from tests.simulation.process import Process
from tests.simulation.rules import Rule
from tests.simulation.sdk_worker import QUEUE
from tests.simulation.task_plans import TaskAct, TaskPlan, TaskStart

PATIENCE = timedelta(hours=10)
HURRY = timedelta(seconds=1)
AGAIN_S = 0.5

TRIES = 8
"""How often something is tried on an activity that is not there yet, or is over."""

OUTSIDE = "Outside"
"""Type of the failure that somebody else reports in a worker's place."""

_NOT_NOW = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION})
_GAVE_UP = frozenset({RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE})


class TaskCourse:
    """How far a plan has come.

    Attributes:
        closed: the execution that the first start began, or met, is over.
        under_way: what is not done yet.
    """

    def __init__(self, plan: TaskPlan) -> None:
        self.plan = plan
        self.closed = asyncio.Event()
        self.under_way: dict[str, None] = {}

    def __str__(self) -> str:
        return f"{'closed' if self.closed.is_set() else 'not closed'}; open: {', '.join(self.under_way)}"


class TaskClient:
    """Args:
    client: that of the process, once it is connected.
    number: which of the clients this is.
    """

    def __init__(self, process: Process, client: asyncio.Future[Client], number: int, ledger: Ledger) -> None:
        self._process = process
        self._client = client
        self._number = number
        self._ledger = ledger

    def take_part(self, course: TaskCourse) -> None:
        """Do what a plan has for this client."""
        for index, start in enumerate(course.plan.starts):
            if start.client == self._number:
                self._begin(course, f"start {index}", partial(self._start, course, start))
        for index, act in enumerate(course.plan.acts):
            if act.client == self._number:
                self._begin(course, f"{act.kind} {index}", partial(self._act, course, act))

    def _begin(self, course: TaskCourse, name: str, part: Callable[[], Awaitable[None]]) -> None:
        course.under_way[name] = None

        async def see_through() -> None:
            await self._process.sleep(course.plan.start_at_s)
            await self._client
            await part()
            del course.under_way[name]

        self._process.spawn(see_through(), name=f"{course.plan.activity_id}/{name}")

    # Starts ----------------------------------------------------------------------------------------------------------
    async def _start(self, course: TaskCourse, start: TaskStart) -> None:
        is_first = start is course.plan.starts[0]
        if start.after_close:
            await course.closed.wait()
        await self._process.sleep(start.at_s)
        try:
            if start.repeats_s or start.is_fresh:
                await self._start_again_and_again(course, start)
            elif start.executes:
                await self._client.result().execute_activity(**self._options(course, start))
            else:
                await self._client.result().start_activity(**self._options(course, start))
            if is_first:
                await self._result(course)
        except (ActivityAlreadyStartedError, ActivityFailureError):
            pass
        except RPCError as error:
            is_taken = error.status == RPCStatusCode.ALREADY_EXISTS
            if not is_taken and not (start.is_hurried and error.status in _GAVE_UP):
                self._wrong(course, f"the start {start.label} was answered with {error!r}")
        if is_first:
            course.closed.set()

    def _options(self, course: TaskCourse, start: TaskStart) -> dict[str, Any]:
        called: dict[str, Any] = {"task_queue": QUEUE, **options(start.spec)}
        del called["cancellation_type"]
        return called | {
            "activity": "work_in_thread" if start.spec["kind"] == "threaded" else "work",
            "args": [start.label, start.spec],
            "id": course.plan.activity_id,
            "id_reuse_policy": start.reuse,
            "id_conflict_policy": start.conflict,
            "start_delay": timedelta(seconds=start.delay_s) if start.delay_s else None,
            "rpc_timeout": HURRY if start.is_hurried else None if start.executes else PATIENCE,
        }

    async def _start_again_and_again(self, course: TaskCourse, start: TaskStart) -> None:
        """The very same request, as a caller sends it who does not trust the answer."""
        given = self._options(course, start)
        unset = dict.fromkeys(
            ("schedule_to_close_timeout", "start_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")
        )
        wanted: dict[str, Any] = {**unset, **given, "activity_type": given["activity"], "is_new_id": start.is_fresh}
        del wanted["activity"]
        input = StartActivityInput(result_type=None, search_attributes=None, summary=None, headers={}, **wanted)
        connection = self._client.result()._connection
        request = start_request(connection, input, wait_result=False)
        run_id = ""
        for wait_s in (0.0, *start.repeats_s):
            await self._process.sleep(wait_s)
            started = await connection.ask(input.id, request, decode_started, PATIENCE)
            if run_id not in ("", started.run_id):
                text = f"the start {start.label} was answered with {run_id} and {started.run_id}"
                self._wrong(course, text, Rule.TASK_STARTED)
            run_id = started.run_id

    async def _result(self, course: TaskCourse) -> None:
        await self._handle(course).result(rpc_timeout=PATIENCE)

    # Acts ------------------------------------------------------------------------------------------------------------
    async def _act(self, course: TaskCourse, act: TaskAct) -> None:
        await self._process.sleep(act.at_s)
        if act.kind == "requeue":
            await course.closed.wait()
        for _ in range(TRIES):
            try:
                await getattr(self, f"_{act.kind}")(course)
            except (ActivityFailureError, ActivityAlreadyStartedError):
                return
            except RPCError as error:
                if error.status not in _NOT_NOW:
                    self._wrong(course, f"{act.kind} was answered with {error!r}")
                    return
                await self._process.sleep(AGAIN_S)
            else:
                return

    async def _cancel(self, course: TaskCourse) -> None:
        await self._handle(course).cancel(reason="enough", rpc_timeout=PATIENCE)

    async def _terminate(self, course: TaskCourse) -> None:
        await self._handle(course).terminate(reason="enough", rpc_timeout=PATIENCE)

    async def _requeue(self, course: TaskCourse) -> None:
        await self._handle(course).requeue(rpc_timeout=PATIENCE)

    async def _describe(self, course: TaskCourse) -> None:
        described = await self._handle(course).describe(rpc_timeout=PATIENCE)
        if described.activity_id != course.plan.activity_id:
            self._wrong(course, f"the description is that of {described.activity_id}")

    async def _complete(self, course: TaskCourse) -> None:
        handle = self._client.result().get_async_activity_handle(activity_id=course.plan.activity_id)
        await handle.complete({"place": "outside"}, rpc_timeout=PATIENCE)

    async def _fail(self, course: TaskCourse) -> None:
        handle = self._client.result().get_async_activity_handle(activity_id=course.plan.activity_id)
        await handle.fail(ApplicationError("no use", type=OUTSIDE, non_retryable=True), rpc_timeout=PATIENCE)

    async def _list(self, course: TaskCourse) -> None:
        async for row in self._client.result().list_activities(page_size=3, rpc_timeout=PATIENCE):
            if not row.activity_id:
                self._wrong(course, f"{row} is listed")

    async def take_stock(self) -> None:
        """List and count everything, once nothing changes any more."""
        client = await self._client
        rows = [
            (row.activity_id, str(row.activity_run_id), row.status.name)
            async for row in client.list_activities(page_size=7, rpc_timeout=PATIENCE)
        ]
        counted = await client.count_activities(rpc_timeout=PATIENCE)
        self._ledger.listing = Listing(rows, counted.count)

    def _handle(self, course: TaskCourse) -> Any:
        return self._client.result().get_activity_handle(course.plan.activity_id)

    def _wrong(self, course: TaskCourse, text: str, rule: Rule = Rule.UNEXPECTED) -> None:
        self._ledger.violation(f"{course.plan.activity_id}: {text}", rule)
