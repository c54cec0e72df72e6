"""Clients of the SDK that carry out plans: they start workflows, disturb them, and wait for their ends.

Every call may take as long as the faults do, but for the hurried ones. What a call returns or raises is judged here by
what its caller knows; what was sent and answered, the ledger learns from the brokers.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from perdure.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowResetPoint,
)
from perdure.common import RetryPolicy, WorkflowIDConflictPolicy
from perdure.exceptions import TerminatedError, TimeoutError, WorkflowAlreadyStartedError
from perdure.service import RPCError, RPCStatusCode
from perdure_broker.port import Broker, Leases
from tests.simulation.crowd import send_crowd
from tests.simulation.generated import Generated
from tests.simulation.ledger import Ledger
from tests.simulation.plans import FORGOTTEN_S, Act, Plan, Rival, Signal, Update, first_child
from tests.simulation.process import Process
from tests.simulation.rules import Rule
from tests.simulation.sdk_environment import connected
from tests.simulation.sdk_updates import send_update, start_with_update
from tests.simulation.sdk_worker import QUEUE

T = TypeVar("T")

PATIENCE = timedelta(hours=1)
HURRY = timedelta(seconds=1)
AGAIN_S = 0.5
PAUSE_S = 0.3


class Course:
    """How far a plan has come."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started = asyncio.Event()
        self.closed = asyncio.Event()
        self.is_cut_short = False
        """It was ended from outside, so that it may not have seen its last signals."""
        self.under_way: dict[str, None] = {}
        self.accepted: dict[str, None] = {}
        """Labels of signals that were acknowledged."""
        self.updated: dict[str, None] = {}
        """Labels of updates that the workflow took in."""

    def __str__(self) -> str:
        progress = "closed" if self.closed.is_set() else "started" if self.started.is_set() else "not started"
        return f"{progress}; open: {', '.join(self.under_way)}"


class SdkClient:
    """One client process."""

    def __init__(
        self, process: Process, broker: Broker, open_leases: Callable[[], Leases], number: int, ledger: Ledger
    ) -> None:
        self._process = process
        self._broker = broker
        self._open_leases = open_leases
        self._number = number
        self._ledger = ledger
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    def open(self) -> None:
        self._process.spawn(self._connect(), name="connect")

    @property
    def connected(self) -> asyncio.Future[Client]:
        """The client, once it is connected."""
        return self._client

    async def _connect(self) -> None:
        self._client.set_result(Client(await connected(self._process, self._broker, self._open_leases)))

    def join_crowd(self, at_s: float, open_plans: dict[str, str]) -> None:
        """Send a crowd of starts; what is not done yet stands in `open_plans`."""
        open_plans["crowd"] = "not over"

        async def send() -> None:
            await self._process.sleep(at_s)
            await send_crowd(await self._client, self._ledger)
            del open_plans["crowd"]

        self._process.spawn(send(), name="crowd")

    def take_part(self, course: Course) -> None:
        """Do what a plan has for this client."""
        plan, mine = course.plan, self._number
        parts: list[tuple[str, Callable[[Course], Awaitable[None]]]] = []
        if plan.client == mine:
            parts.append(("start", self._start))
        for signal in plan.signals:
            if signal.client == mine:
                parts.append((f"signal {signal.label}", _bound(self._signal, signal)))
        for index, update in enumerate(plan.updates):
            if update.client == mine:
                parts.append((f"update {index}", _bound(self._update, update)))
        for index, act in enumerate(plan.acts):
            if act.client == mine:
                parts.append((f"{act.kind} {index}", _bound(self._act, act)))
        for rival in plan.rivals:
            if rival.client == mine:
                parts.append(("rival", _bound(self._rival, rival)))
        for name, part in parts:
            course.under_way[name] = None
            self._process.spawn(self._see_through(course, name, part), name=f"{plan.workflow_id}/{name}")

    async def _see_through(self, course: Course, name: str, part: Callable[[Course], Awaitable[None]]) -> None:
        await self._process.sleep(course.plan.start_at_s)
        await self._client
        await part(course)
        del course.under_way[name]

    # The start and the end -------------------------------------------------------------------------------------------
    async def _start(self, course: Course) -> None:
        plan = course.plan
        try:
            await self._await_end(course, lambda: self._run_to_end(course))
        except WorkflowAlreadyStartedError:
            if not plan.rivals:
                self._wrong(plan, Rule.START_KEPT, "the start was refused, though nobody else uses the id")
        course.started.set()
        course.closed.set()

    async def _run_to_end(self, course: Course) -> Any:
        plan, client = course.plan, self._client.result()
        options: dict[str, Any] = {
            "id": plan.workflow_id,
            "task_queue": QUEUE,
            "run_timeout": _duration(plan.run_timeout_s),
            "execution_timeout": _duration(plan.execution_timeout_s),
            "start_delay": _duration(plan.start_delay_s),
            "cron_schedule": "@every 2s" if plan.cron else "",
            "rpc_timeout": PATIENCE,
        }
        if plan.attempts > 1:
            options["retry_policy"] = RetryPolicy(timedelta(milliseconds=50), maximum_attempts=plan.attempts)
        if plan.brings == "update":
            update = Update(plan.client, 0.0, "change", f"{plan.workflow_id}/along")
            options["id_conflict_policy"] = WorkflowIDConflictPolicy.FAIL
            del options["rpc_timeout"]
            await start_with_update(client, options, plan.program, update, self._judge(plan))
            course.started.set()
            return await self._handle(course).result(rpc_timeout=PATIENCE)
        if plan.brings == "signal":
            options |= {"start_signal": "go", "start_signal_args": [f"{plan.workflow_id}/along"]}
        if plan.executes:
            course.started.set()  # or will be: whoever comes too early tries again
            return await client.execute_workflow(Generated.run, plan.program, **options)
        handle = await client.start_workflow(Generated.run, plan.program, **options)
        course.started.set()
        return await handle.result(rpc_timeout=PATIENCE)

    async def _await_end(self, course: Course, end: Callable[[], Awaitable[Any]]) -> None:
        """Wait for the result; whatever it is, the model of the workflow judges it."""
        try:
            seen = await end()
        except WorkflowFailureError as failed:
            course.is_cut_short = isinstance(failed.cause, TerminatedError | TimeoutError)
            return
        if not course.plan.has_many_runs:
            missing = [label for label in course.accepted if label not in seen["signals"]]
            if missing:
                text = f"it completed without having seen the acknowledged signals {missing}"
                self._wrong(course.plan, Rule.SIGNAL_KEPT, text)
            missing = [label for label in course.updated if label not in seen["updates"]]
            if missing:
                self._wrong(course.plan, Rule.UPDATE_KEPT, f"it completed without having seen the updates {missing}")

    async def _rival(self, course: Course, rival: Rival) -> None:
        if rival.after_close:
            await course.closed.wait()
        await self._process.sleep(rival.at_s)
        client = self._client.result()
        try:
            handle = await client.start_workflow(
                Generated.run,
                rival.program,
                id=course.plan.workflow_id,
                task_queue=QUEUE,
                id_conflict_policy=rival.conflict,
                id_reuse_policy=rival.reuse,
                rpc_timeout=PATIENCE,
            )
        except WorkflowAlreadyStartedError:
            return
        await self._await_end(course, lambda: handle.result(rpc_timeout=PATIENCE))

    # Signals ---------------------------------------------------------------------------------------------------------
    async def _signal(self, course: Course, signal: Signal) -> None:
        """Until it is accepted, or the workflow is over; it may come before the start. Each try has a label of its own:
        a request that was sent twice may be refused, and its second copy be accepted after the start."""
        await course.started.wait()
        await self._process.sleep(signal.at_s)
        handle = self._handle(course)
        timeout = HURRY if signal.is_hurried else PATIENCE
        for number in itertools.count():
            label = f"{signal.label} try {number}"
            try:
                await handle.signal(signal.name, label, rpc_timeout=timeout)
            except RPCError as error:
                if signal.is_hurried and error.status in _GAVE_UP:
                    return
                if error.status != RPCStatusCode.NOT_FOUND:
                    self._wrong(course.plan, Rule.UNEXPECTED, f"a signal was answered with {error!r}")
                    return
                if course.closed.is_set():
                    return
                await self._process.sleep(AGAIN_S)
            else:
                course.accepted[label] = None
                return

    # Updates ---------------------------------------------------------------------------------------------------------
    async def _update(self, course: Course, update: Update) -> None:
        """Until the workflow has taken it in or refused it, or is over."""
        await course.started.wait()
        await self._process.sleep(update.at_s)
        while True:
            try:
                if await send_update(self._handle(course), update, self._judge(course.plan)):
                    course.updated[update.label] = None
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    self._wrong(course.plan, Rule.UNEXPECTED, f"an update was answered with {error!r}")
                    return
                if course.closed.is_set():
                    return
                await self._process.sleep(AGAIN_S)
            else:
                return

    def _judge(self, plan: Plan) -> Callable[[str], None]:
        return lambda text: self._wrong(plan, Rule.UPDATE_KEPT, text)

    # Other acts ------------------------------------------------------------------------------------------------------
    async def _act(self, course: Course, act: Act) -> None:
        await course.started.wait()
        await self._process.sleep(act.at_s)
        do = getattr(self, f"_{act.kind}")
        while True:
            try:
                await do(course)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    self._wrong(course.plan, Rule.UNEXPECTED, f"{act.kind} was answered with {error!r}")
                    return
                if course.closed.is_set():
                    return
                await self._process.sleep(AGAIN_S)  # it was earlier than the start
            else:
                return

    async def _cancel(self, course: Course) -> None:
        await self._handle(course).cancel(reason="enough", rpc_timeout=PATIENCE)

    async def _terminate(self, course: Course) -> None:
        await self._handle(course).terminate("at", "once", reason="enough", rpc_timeout=PATIENCE)

    async def _end_child(self, course: Course) -> None:
        child_id = f"{course.plan.workflow_id}/{first_child(course.plan.program)}"
        handle = self._client.result().get_workflow_handle(child_id)
        await handle.terminate(reason="enough", rpc_timeout=PATIENCE)

    async def _pause(self, course: Course) -> None:
        """Hold the activities that are pending, let them begin anew, and let them go on."""
        handle = self._handle(course)
        for kind in ("work", "work_in_thread"):
            for change in (handle.pause_activity, partial(handle.reset_activity, keep_paused=True)):
                await _if_pending(change(activity_type=kind, rpc_timeout=PATIENCE))
                await self._process.sleep(PAUSE_S)
            await _if_pending(handle.unpause_activity(activity_type=kind, rpc_timeout=PATIENCE))

    async def _delete(self, course: Course) -> None:
        """Others may still ask for it, and are told that it is gone."""
        await course.closed.wait()
        await self._process.sleep(FORGOTTEN_S)
        await self._handle(course).delete(rpc_timeout=PATIENCE)

    async def _reset(self, course: Course) -> None:
        """Have the run, or the last one if it is over, begin anew at a workflow task; it may have done none."""
        point = self._process.random.choice(list(WorkflowResetPoint))
        try:
            await self._handle(course).reset(point, reason="again", rpc_timeout=PATIENCE)
        except RPCError as error:
            if error.status not in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION):
                raise

    async def _query(self, course: Course) -> None:
        """What was acknowledged before the question was asked, the answer has seen."""
        known = list(course.accepted)
        try:
            seen = await self._handle(course).query(Generated.progress, rpc_timeout=PATIENCE)
        except WorkflowQueryFailedError as error:
            if not any(reason in str(error) for reason in _NO_ANSWER):
                self._wrong(course.plan, Rule.UNEXPECTED, f"a query failed: {error}")
            return
        missing = [label for label in known if label not in seen["signals"]]
        if not missing or course.plan.has_many_runs:
            return
        await course.closed.wait()
        if not course.is_cut_short:
            text = f"a query had not seen the acknowledged signals {missing}"
            self._wrong(course.plan, Rule.SIGNAL_KEPT, text)

    async def _describe(self, course: Course) -> None:
        described = await self._handle(course).describe(rpc_timeout=PATIENCE)
        if described.id != course.plan.workflow_id:
            self._wrong(course.plan, Rule.UNEXPECTED, f"the description is that of {described.id}")

    async def _history(self, course: Course) -> None:
        history = await self._handle(course).fetch_history(rpc_timeout=PATIENCE)
        numbers = [event.event_id for event in history.events]
        if numbers != list(range(1, len(numbers) + 1)):
            self._wrong(course.plan, Rule.ROWS, f"a client read a history of events {numbers}")

    async def _list(self, course: Course) -> None:
        client = self._client.result()
        async for execution in client.list_workflows(page_size=7, rpc_timeout=PATIENCE):
            if not execution.id:
                self._wrong(course.plan, Rule.UNEXPECTED, f"{execution} is listed")

    async def _result(self, course: Course) -> None:
        """Somebody else waits for the end, too."""
        await self._await_end(course, lambda: self._handle(course).result(rpc_timeout=PATIENCE))

    def _handle(self, course: Course) -> WorkflowHandle[Any, Any]:
        return self._client.result().get_workflow_handle(course.plan.workflow_id)

    def _wrong(self, plan: Plan, rule: Rule, text: str) -> None:
        self._ledger.violation(f"{plan.workflow_id}: {text}", rule)


_NO_ANSWER = ("flaky", "never ran")
"""Why a query may rightly fail: the code that it replays does, or there is nothing to replay."""

_GAVE_UP = frozenset({RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE})


async def _if_pending(change: Awaitable[None]) -> None:
    """Wait for a change to activities; there may be none, and no run any more."""
    try:
        await change
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


def _bound(part: Callable[[Course, T], Awaitable[None]], detail: T) -> Callable[[Course], Awaitable[None]]:
    return lambda course: part(course, detail)


def _duration(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
