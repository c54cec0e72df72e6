"""The workflow that carries out generated programs, and its activities: ordinary code for the SDK.

The workflow's result is what happened: `log`, a list of (place of a step in its program, what came of it), and
`signals`, in the order in which they came in. What the workflow itself sees go wrong (a result that is another
activity's, a timer that fires early), it reports by failing with the type `Broken`.
"""

from __future__ import annotations

import asyncio
import builtins
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn, Protocol

from perdure import activity, workflow
from perdure.common import Priority, RetryPolicy
from perdure.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    ThrottledError,
    TimeoutError,
    is_cancelled_exception,
)
from perdure.workflow import ActivityCancellationType, HandlerUnfinishedPolicy
from tests.simulation import generated_family as family, generated_markers as markers
from tests.simulation.generated_family import BROKEN
from tests.simulation.generated_updates import REFUSED, UNLUCKY, is_fickle, is_refused, is_unlucky
from tests.simulation.ledger import Ledger
from tests.simulation.process import Process
from tests.simulation.programs import Program, Spec, Step

NOBODY_QUEUE = "nobody"
FOR_EVER_S = 3_600.0
THROTTLED_S = 1.5

visits: Counter[tuple[str, str]] = Counter()
"""How often the code of a run came to a flaky step: what a workflow must not look at, as faulty code does. Without a
place: how often it failed there. By workflow id and label: how often validators looked at an update."""

FAILURES_MAX = 6
"""Workflow tasks that flaky steps of one run let fail: after so many the next attempt waits for half a minute."""


def told(error: ActivityError) -> str:
    """What came of an activity that did not complete, in a word or two."""
    cause = error.cause
    if is_cancelled_exception(error):
        return "canceled"
    if isinstance(cause, TimeoutError):
        assert cause.type is not None
        return f"timeout {cause.type.name}"
    if isinstance(cause, ApplicationError):
        return f"failed {cause.type}"
    return f"failed {type(cause).__name__}"


@workflow.defn
class Generated:
    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.signals: list[str] = []
        self.updates: list[str] = []

    @workflow.run
    async def run(self, program: Program) -> dict[str, Any]:
        before = program.get("before", {})
        self.signals[:0] = before.get("signals", [])
        self.updates[:0] = before.get("updates", [])
        following = program.get("next")
        try:
            await self._do(program["steps"], "")
        except (asyncio.CancelledError, ActivityError, ChildWorkflowError) as error:
            if not is_cancelled_exception(error) or program["on_cancel"] == "raise":
                raise
            await self._act("cleanup", {"kind": "plain", "ms": 1})
            if program["on_cancel"] == "clean up":
                raise
            following = None
        await workflow.wait_condition(workflow.all_handlers_finished)
        if following is not None:
            workflow.continue_as_new(following | {"before": self.seen()})
        return self.seen()

    def seen(self) -> dict[str, Any]:
        return {"id": workflow.info().workflow_id, "log": self.log, "signals": self.signals, "updates": self.updates}

    @workflow.signal
    def go(self, label: str) -> None:
        self.signals.append(label)

    @workflow.signal(unfinished_policy=HandlerUnfinishedPolicy.ABANDON)
    async def work(self, label: str) -> None:
        """A handler that takes its time."""
        self.signals.append(label)
        await self._act(f"signal {label}", {"kind": "plain", "ms": 5})

    @workflow.update
    def change(self, label: str) -> str:
        """An update that is done at once."""
        self.updates.append(label)
        if is_unlucky(label):
            raise ApplicationError("as planned", type=UNLUCKY)
        return label

    @change.validator
    def check_change(self, label: str) -> None:
        self._look_at(label)

    @workflow.update(unfinished_policy=HandlerUnfinishedPolicy.ABANDON)
    async def labor(self, label: str) -> str:
        """An update that takes its time."""
        self.updates.append(label)
        await self._act(f"update {label}", {"kind": "plain", "ms": 5})
        if is_unlucky(label):
            raise ApplicationError("as planned", type=UNLUCKY)
        return label

    @labor.validator
    def check_labor(self, label: str) -> None:
        self._look_at(label)

    def _look_at(self, label: str) -> None:
        looks = workflow.info().workflow_id, label
        visits[looks] += 1
        if is_refused(label) or (is_fickle(label) and visits[looks] > 1):
            raise ApplicationError("as planned", type=REFUSED)

    @workflow.query
    def progress(self) -> dict[str, Any]:
        return self.seen()

    # Steps -----------------------------------------------------------------------------------------------------------
    async def _do(self, steps: Sequence[Step], place: str) -> None:
        for number, step in enumerate(steps):
            await getattr(self, f"_{step[0]}")(f"{place}{number}", *step[1:])

    def note(self, place: str, what: str) -> None:
        self.log.append((place, what))

    async def _act(self, place: str, spec: Spec) -> bool:
        """True if the activity completed."""
        try:
            called: Any = Labor.work_in_thread if spec["kind"] == "threaded" else Labor.work
            result = await workflow.execute_activity_method(called, args=[place, spec], **options(spec))
        except ActivityError as error:
            self.note(place, told(error))
            if spec.get("strict") or is_cancelled_exception(error):
                raise
            return False
        if result["place"] != place or len(result["pad"]) != spec.get("size", 0):
            raise ApplicationError(f"activity {place} was given the result of {result['place']}", type=BROKEN)
        self.note(place, "ok")
        return True

    async def _timer(self, place: str, ms: int) -> None:
        begin_us = workflow.time_ns() // 1000
        await asyncio.sleep(ms / 1000)
        if workflow.time_ns() // 1000 < begin_us + ms * 1000:
            raise ApplicationError(f"timer {place} fired early", type=BROKEN)
        self.note(place, "fired")

    async def _all(self, place: str, branches: Sequence[Sequence[Step]]) -> None:
        await asyncio.gather(*(self._do(steps, f"{place}.{number}.") for number, steps in enumerate(branches)))
        self.note(place, "done")

    async def _race(self, place: str, ms: int, steps: Sequence[Step]) -> None:
        try:
            await asyncio.wait_for(self._do(steps, f"{place}."), ms / 1000)
        except builtins.TimeoutError:
            self.note(place, "expired")
        except (ActivityError, ChildWorkflowError) as error:
            # What ended by a cancellation which came with the timeout.
            if not is_cancelled_exception(error) or workflow.cancellation_reason() is not None:
                raise
            self.note(place, "expired")
        else:
            self.note(place, "done")

    async def _first(self, place: str, branches: Sequence[Sequence[Step]]) -> None:
        tasks = [asyncio.create_task(self._do(steps, f"{place}.{number}.")) for number, steps in enumerate(branches)]
        try:
            done, _ = await workflow.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        for task in done:
            task.result()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.note(place, "done")

    async def _child(self, place: str, spec: Spec) -> None:
        await family.run_child(self, place, spec)

    async def _local(self, place: str, spec: Spec) -> None:
        await markers.run_local(self, place, spec)

    async def _version(self, place: str, change: str) -> None:
        markers.change_version(self, place, change)

    async def _set(self, place: str) -> None:
        markers.set_properties(self, place)

    async def _tell(self, place: str, workflow_id: str, what: str) -> None:
        await family.tell(self, place, workflow_id, what)

    async def _signals(self, place: str, count: int, ms: int = 0) -> None:
        try:
            await workflow.wait_condition(lambda: len(self.signals) >= count, timeout=ms / 1000 if ms else None)
        except builtins.TimeoutError:
            self.note(place, "expired")
        else:
            self.note(place, "came")

    async def _saga(self, place: str, specs: Sequence[Spec], raises: bool) -> None:
        completed: list[int] = []
        for number, spec in enumerate(specs):
            try:
                is_ok = await self._act(f"{place}.{number}", spec)
            except (asyncio.CancelledError, ActivityError):
                await self._compensate(place, completed)
                raise
            if not is_ok:
                await self._compensate(place, completed)
                if raises:
                    raise ApplicationError("compensated", self.seen(), type="Saga")
                self.note(place, "compensated")
                return
            completed.append(number)
        self.note(place, "done")

    async def _compensate(self, place: str, completed: Sequence[int]) -> None:
        for number in reversed(completed):
            await self._act(f"{place}.undo {number}", {"kind": "plain", "ms": 1})

    async def _fan(self, place: str, count: int, ms: int) -> None:
        spec = {"kind": "plain", "ms": ms}
        calls = [
            workflow.execute_activity_method(Labor.work, args=[f"{place}.{number}", spec], **options(spec))
            for number in range(count)
        ]
        results = await asyncio.gather(*calls)
        if [result["place"] for result in results] != [f"{place}.{number}" for number in range(count)]:
            raise ApplicationError(f"the results of {place} are not in the order of its calls", type=BROKEN)
        self.note(place, f"{count} done")

    async def _fork(self, place: str, by: str, branches: Sequence[Sequence[Step]]) -> None:
        number = workflow.time_ns() // 1000 % 2 if by == "time" else workflow.random().randrange(2)
        await self._do(branches[number], f"{place}.{number}.")
        self.note(place, f"way {number}")

    async def _flaky(self, place: str, count: int) -> None:
        run_id = workflow.info().run_id
        visit = run_id, place
        visits[visit] += 1
        if visits[visit] <= count and visits[run_id, ""] < FAILURES_MAX:
            visits[run_id, ""] += 1
            raise RuntimeError(f"simulated: visit {visits[visit]} of a flaky step")
        self.note(place, "passed")

    async def _fail(self, place: str, kind: str) -> None:
        raise ApplicationError("as planned", self.seen(), type=kind)

    async def _hang(self, place: str) -> None:
        await workflow.wait_condition(lambda: False)


def options(spec: Spec) -> workflow.ActivityConfig:
    """How the workflow calls an activity of this spec."""
    kind = spec["kind"]
    policy = RetryPolicy(timedelta(milliseconds=100), maximum_attempts=spec.get("attempts", 0))
    called = workflow.ActivityConfig(
        start_to_close_timeout=timedelta(seconds=20),
        retry_policy=policy,
        cancellation_type=ActivityCancellationType(spec.get("cancel", 0)),
        priority=Priority(spec.get("priority"), spec.get("key"), cost=spec.get("cost")),
    )
    if "queue" in spec:
        called["task_queue"] = spec["queue"]
    if kind in ("once", "once doomed"):
        policy.maximum_attempts = 1
    elif kind == "listed":
        policy.non_retryable_error_types = ["Listed"]
    elif kind == "stuck":
        called["start_to_close_timeout"] = timedelta(seconds=1.5)
    elif kind == "late":
        called["start_to_close_timeout"] = timedelta(milliseconds=700)
    elif kind == "silent":
        called["heartbeat_timeout"] = timedelta(milliseconds=700)
    elif kind == "beat":
        called["heartbeat_timeout"] = timedelta(seconds=3)
    elif kind in ("spent", "endless"):
        called["schedule_to_close_timeout"] = timedelta(seconds=1.2)
    elif kind == "nobody":
        called["task_queue"] = NOBODY_QUEUE
        called["schedule_to_start_timeout"] = timedelta(milliseconds=600)
    return called


class Outside(Protocol):
    """Who completes activities that left themselves to others."""

    def complete(self, task_token: bytes, result: Any) -> None: ...


class Labor:
    """The activities of one worker process."""

    def __init__(self, process: Process, ledger: Ledger, outside: Outside) -> None:
        self._process = process
        self._ledger = ledger
        self.outside = outside

    @activity.defn
    async def work(self, place: str, spec: Spec) -> dict[str, Any]:
        info = self._begin()
        try:
            await self._body(place, spec, info.attempt, info.heartbeat_details)
        except asyncio.CancelledError:
            if spec["kind"] == "outside":
                self._leave(place, spec)
            if spec["kind"] != "stubborn":
                raise
            await self._process.sleep(0.3)
        return self._result(place, spec)

    @activity.defn
    def work_in_thread(self, place: str, spec: Spec) -> dict[str, Any]:
        self._begin()
        return self._result(place, spec)

    @activity.defn
    async def work_locally(self, place: str, spec: Spec) -> str:
        """What runs in the worker that holds the workflow: no history knows of its attempts."""
        await self._process.sleep(spec["ms"] / 1000)
        if activity.info().attempt <= spec.get("fails", 0):
            raise ApplicationError("not yet", type="Passing")
        return place

    def _begin(self) -> activity.Info:
        info = activity.info()
        run_id = info.workflow_run_id or info.activity_run_id
        assert run_id is not None
        now_s = self._process.monotonic()
        self._ledger.attempt_began(run_id, info.activity_id, info.attempt, self._process.name, now_s)
        return info

    def _result(self, place: str, spec: Spec) -> dict[str, Any]:
        return {"place": place, "worker": self._process.name, "pad": "r" * spec.get("size", 0)}

    async def _body(self, place: str, spec: Spec, attempt: int, beaten: Sequence[Any]) -> None:
        kind = spec["kind"]
        if kind in ("late", "silent", "endless") or (kind == "stuck" and attempt == 1):
            await self._process.sleep(FOR_EVER_S)
        if kind == "beat":
            await self._beat(spec["ms"], beaten)
        elif spec["ms"]:
            await self._process.sleep(spec["ms"] / 1000)
        if kind == "outside":
            self._leave(place, spec)
        if kind in ("retry", "delayed") and attempt <= spec["fails"]:
            delay = timedelta(milliseconds=40) if kind == "delayed" else None
            raise ApplicationError(f"attempt {attempt}", type="Passing", next_retry_delay=delay)
        if kind == "throttled" and attempt <= spec["fails"]:
            raise ThrottledError(THROTTLED_S)
        if kind == "fatal":
            raise ApplicationError("of no use", type="Fatal", non_retryable=True)
        if kind == "listed":
            raise ApplicationError("of no use", type="Listed")
        if kind in ("doomed", "once doomed"):
            raise ValueError("never right")
        if kind == "spent":
            raise ApplicationError("not yet", type="Spent")

    def _leave(self, place: str, spec: Spec) -> NoReturn:
        """Let somebody else send the result."""
        self.outside.complete(activity.info().task_token, self._result(place, spec))
        activity.raise_complete_async()

    async def _beat(self, ms: int, beaten: Sequence[Any]) -> None:
        """Takes `ms` in all, over as many attempts as it may need."""
        done_ms = int(beaten[0]) if beaten else 0
        while done_ms < ms:
            await self._process.sleep(0.1)
            done_ms += 100
            activity.heartbeat(done_ms)
