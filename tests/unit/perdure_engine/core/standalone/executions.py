"""An execution of an activity without a workflow, and by its side what a store would keep of it.

`Audited` carries out what the machines ask for, and checks after each step that what is kept tells as much as memory
knows: from the entry of the task alone, or from the row.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import activity_execution_id
from perdure.protocol.replies import ErrorReply
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.tasks import ActivityTask, decode_task
from perdure_engine.core.standalone.decide import decide, decide_timer
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.standalone.record import Columns, decode_record, encode_record, from_entry
from perdure_engine.core.standalone.start import start
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    Dispatch,
    Keep,
    KeepHeartbeat,
    Push,
    Retire,
    SetTimer,
    Transition,
)

SECOND_US = 1_000_000
BEGIN_US = 1_800_000_000 * SECOND_US
RUN_ID = activity_execution_id("default", "mail-1")
RETRYABLE = ApplicationInfo("E")
MINUTE = ActivityOptions(start_to_close_timeout_ms=60_000)


def request(options: ActivityOptions = MINUTE, **fields: Any) -> StartActivity:
    return StartActivity("default", "mail-1", "send", "mails", b"in", "request-1", "client", options)._replace(**fields)


class Audited:
    """Attributes:
    entry: of the task that is out, `b""` without one. `kept`: the row's data.
    """

    def __init__(self, started: StartActivity | None = None, *, now_us: int = BEGIN_US) -> None:
        self.now_us = now_us
        self.entry = b""
        self.kept = b""
        self.heartbeat = b""
        self.timers: dict[tuple[int, int], int] = {}
        self.pushes: list[Any] = []
        self.transition = Transition()
        execution = start(started or request(), RUN_ID, 3, None, now_us, self.transition)
        assert execution is not None, self.transition.reply_body
        self.execution = execution
        self._carry_out(self.transition)

    def decide(self, said: Any) -> Transition:
        return self._carry_out(decide(self.execution, said, self.now_us))

    def fire(self) -> Transition:
        """Let time pass until the first timer is due, and fire it."""
        (at_us, kind), attempt = min(self.timers.items())
        self.now_us = max(self.now_us, at_us)
        del self.timers[at_us, kind]
        return self._carry_out(decide_timer(self.execution, kind, attempt, self.now_us))

    @property
    def task(self) -> ActivityTask:
        """The task that is out."""
        task = decode_task(self.entry)
        assert isinstance(task, ActivityTask)
        return task

    def columns(self) -> Columns:
        execution = self.execution
        attributes = execution.attributes
        return Columns(
            execution.shard_id,
            execution.run_id,
            execution.number,
            execution.namespace,
            attributes.activity_id,
            attributes.activity_type,
            attributes.task_queue,
            execution.status,
            execution.attempt,
            execution.scheduled_time_us,
            execution.close_time_us,
            execution.request_id,
        )

    def _carry_out(self, transition: Transition) -> Transition:
        written = False
        for effect in transition.effects:
            if isinstance(effect, Dispatch):
                assert not self.entry, "a task is out already"
                self.entry = effect.data
            elif isinstance(effect, Retire):
                self.entry = b""
                self.heartbeat = b""
            elif isinstance(effect, SetTimer):
                self.timers[effect.fire_at_us, effect.kind] = effect.attempt
            elif isinstance(effect, ClearTimer):
                self.timers.pop((effect.fire_at_us, effect.kind), None)
            elif isinstance(effect, KeepHeartbeat):
                self.heartbeat = effect.details
            elif isinstance(effect, Keep | Close):
                written = True
            elif isinstance(effect, Push):
                self.pushes.append(effect.message)
        if written:
            self.kept = encode_record(self.execution)
        self._audit()
        self.transition = transition
        return transition

    def _audit(self) -> None:
        known = self.execution
        if known.outcome is not None:
            assert not self.entry
            assert not self.timers, "something of it is left behind"
            stored = decode_record(self.columns(), self.kept)
            assert stored.outcome == known.outcome
            return
        stored = decode_record(self.columns(), self.kept) if known.is_kept else from_entry(self.entry)
        stored.heartbeat_details = self.heartbeat or stored.heartbeat_details
        for of in (stored, known):
            of.heartbeat_time_us = of.heartbeat_check_us = 0
        if not known.is_kept:  # the policies of its id matter to its start alone
            stored.options = known.options
        stored.is_kept = known.is_kept
        assert stored == known


def completed(said: Audited, result: bytes = b"out", **changes: Any) -> RespondActivityTaskCompleted:
    execution = said.execution
    number, attempt = execution.number, execution.attempt
    return RespondActivityTaskCompleted(RUN_ID, number, attempt, said.now_us, result, "w", b"s", b"1-0")._replace(
        **changes
    )


def failed(said: Audited, info: ApplicationInfo = RETRYABLE, **changes: Any) -> RespondActivityTaskFailed:
    execution = said.execution
    failure = Failure.of("no", info)
    number, attempt = execution.number, execution.attempt
    return RespondActivityTaskFailed(RUN_ID, number, attempt, said.now_us, failure, "w", b"s", b"1-0")._replace(
        **changes
    )


def reported(said: Audited, **changes: Any) -> RecordActivityTaskStarted:
    execution = said.execution
    number, attempt = execution.number, execution.attempt
    return RecordActivityTaskStarted(RUN_ID, number, attempt, said.now_us, "worker/1")._replace(**changes)


def beat(said: Audited, details: bytes = b"half") -> RecordActivityTaskHeartbeat:
    execution = said.execution
    return RecordActivityTaskHeartbeat(RUN_ID, execution.number, execution.attempt, details, "w")


def refusal(transition: Transition) -> ErrorReply:
    reply = transition.reply_body
    assert isinstance(reply, ErrorReply)
    return reply


def execution() -> ActivityExecution:
    return Audited().execution
