"""How a transition reads: one line a record and one an effect, times counted from the start of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perdure.protocol.child_workflow import ParentClosePolicy
from perdure.protocol.events import EventBuffered, EventType, HistoryEvent, decode_records
from perdure.protocol.failure import Failure, RetryState, TimeoutType
from perdure.protocol.memo import unpack_memo
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure.protocol.search_attributes import unpack_search_attributes
from perdure.protocol.tasks import ActivityTask, TaskKind, WorkflowTask, decode_task
from perdure.protocol.updates import UpdateStage, decode_deliveries
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    CopyContent,
    Dispatch,
    Effect,
    KeepContent,
    KeepHeartbeat,
    KeepWorker,
    Push,
    Relist,
    Remember,
    Retire,
    Send,
    SetTimer,
    Settle,
    TimerKind,
    Transition,
    UpdateReached,
)

_ENUMS: dict[str, type[Any]] = {
    "retry_state": RetryState,
    "timeout_type": TimeoutType,
    "status": ExecutionStatus,
    "parent_close_policy": ParentClosePolicy,
    "stage": UpdateStage,
}


def duration(time_us: int) -> str:
    """`+1.5s`, as short as it can be said."""
    return f"+{time_us / 1_000_000:g}s"


class Teller:
    """Puts transitions into words. `start_us` is the zero of its times."""

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us

    def time(self, time_us: int) -> str:
        return duration(time_us - self._start_us)

    def transition(self, transition: Transition) -> Iterator[str]:
        for record in transition.records:
            yield self.record(record)
        for effect in transition.effects:
            yield f"  {self._effect(effect)}"
        if transition.reply_kind == ReplyKind.ERROR:
            assert isinstance(transition.reply_body, ErrorReply)
            yield f"  refuse: {ErrorCode(transition.reply_body.code).name}, {transition.reply_body.message}"
        elif transition.reply_kind is not None:
            yield f"  answer: {self._fields(transition.reply_body) or 'ok'}"

    def record(self, record: HistoryEvent) -> str:
        label = f"{record.event_id:>3}" if record.event_id else "  -"
        name = EventType(record.event_type).name
        attributes = record.attributes
        if record.event_type == EventType.EVENT_BUFFERED:
            name += f" {EventType(attributes.event_type).name}"
            return f"{label} {self.time(record.time_us):<7} {name} {self._buffered(attributes)}".rstrip()
        return f"{label} {self.time(record.time_us):<7} {name} {self._fields(attributes)}".rstrip()

    def _buffered(self, held: EventBuffered) -> str:
        text = self._fields(held.attributes)
        return f"{text} (attempt {held.attempt} began {self.time(held.started_time_us)})" if held.attempt else text

    def timer(self, kind: int, event_id: int) -> str:
        name = TimerKind(kind).name.lower().replace("_", " ")
        return f"{name} timer of {event_id}" if event_id else f"{name} timer"

    def _fields(self, message: Any) -> str:
        """The fields that say something: what is empty, false or zero is left out."""
        if message is None:
            return ""
        return " ".join(
            f"{name}={self._value(name, value)}"
            for name, value in zip(message._fields, message, strict=True)
            if value not in (0, "", b"", None, ())
        )

    def _value(self, name: str, value: Any) -> str:
        if isinstance(value, Failure):
            cause = f" <- {self._value(name, value.cause)}" if value.cause is not None else ""
            info = f"{type(value.info).__name__.removesuffix('Info')} {self._fields(value.info)}".rstrip()
            return f"[{info}: {value.message}{cause}]"
        if name in _ENUMS:
            return str(_ENUMS[name](value).name)
        if name.endswith("time_us"):
            return self.time(value)
        if name in ("memo", "upserted_memo"):
            notes = {key: payload and f"<{len(payload.data)} bytes>" for key, payload in unpack_memo(value).items()}
            return str(notes)
        if name == "search_attributes":
            return str({key: plain for key, (_, plain) in unpack_search_attributes(value).items()})
        if isinstance(value, bytes):
            if len(value) <= 40 and value.isascii():
                return repr(value.decode())
            return f"<{len(value)} bytes>"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"({self._fields(value)})"
        if isinstance(value, str):
            return value if value and " " not in value else repr(value)
        return repr(value)

    def _effect(self, effect: Effect) -> str:
        if isinstance(effect, Dispatch):
            return self._dispatch(effect)
        if isinstance(effect, Retire):
            return f"retire: {TaskKind(effect.kind).name.lower()} task {effect.event_id}"
        if isinstance(effect, SetTimer):
            attempt = f", attempt {effect.attempt}" if effect.attempt else ""
            return f"set: {self.timer(effect.kind, effect.event_id)} at {self.time(effect.fire_at_us)}{attempt}"
        if isinstance(effect, ClearTimer):
            return f"clear: {self.timer(effect.kind, effect.event_id)} at {self.time(effect.fire_at_us)}"
        if isinstance(effect, KeepHeartbeat):
            return f"keep: heartbeat of {effect.event_id} {effect.details.decode()!r}"
        if isinstance(effect, KeepWorker):
            return f"keep: attempt {effect.attempt} of {effect.event_id} runs on {effect.worker}"
        if isinstance(effect, KeepContent):
            return f"keep: {len(effect.pieces)} pieces of content"
        if isinstance(effect, CopyContent):
            return f"copy: {len(effect.hashes)} pieces of content"
        if isinstance(effect, Remember):
            return f"remember: request {effect.request_id}"
        if isinstance(effect, Close):
            return f"close: {self._fields(effect.outcome._replace(run_id=''))}"
        if isinstance(effect, UpdateReached):
            what = self._fields(effect._replace(update_id="", stage=0, refusal=None))
            refused = f"refused, {effect.refusal.message}" if effect.refusal is not None else ""
            return f"update {effect.update_id}: {refused or UpdateStage(effect.stage).name} {what}".rstrip()
        if isinstance(effect, Relist):
            return "relist"
        if isinstance(effect, Send):
            return f"send: {type(effect.message).__name__} from {effect.event_id}, {self._fields(effect.message)}"
        if isinstance(effect, Settle):
            return f"settle: message from {effect.event_id}"
        assert isinstance(effect, Push)
        message = effect.message
        wanted = [("pause", message.paused), ("reset", message.reset), ("cancel", message.current), ("drop", True)]
        word = next(word for word, is_meant in wanted if is_meant)
        return f"tell {effect.worker}: {word} attempt {message.attempt} of {message.scheduled_event_id}"

    def _dispatch(self, effect: Dispatch) -> str:
        if not effect.is_published:
            return f"keep: workflow task {effect.event_id}, attempt {effect.attempt}, which is out"
        task = decode_task(effect.data)
        where = f"{effect.worker}, sticky" if effect.worker else effect.task_queue
        if isinstance(task, WorkflowTask):
            if task.events:
                ids = [event.event_id for event in decode_records(task.events)]
                told = f"events {ids[0]} to {ids[-1]}" if ids else "no events"
            else:
                told = "history to be fetched"
            if task.updates:
                told += f", updates {', '.join(item.update_id for item in decode_deliveries(task.updates))}"
            kind = "workflow"
        else:
            assert isinstance(task, ActivityTask)
            told = f"input {task.input.decode()!r}" if task.inline else "input to be fetched"
            if task.heartbeat_details:
                told += f", heartbeat {task.heartbeat_details.decode()!r}"
            kind = "activity"
        attempt = f"attempt {effect.attempt}" if effect.is_kept else "speculative"
        return f"dispatch: {kind} task {effect.event_id}, {attempt}, to {where} ({told})"
