"""Stories: text files in which each step is a line of input, and what came of it is written below.

A step is a line (with its commands, if any, indented below it), a line `----`, and the output up to the next empty
line. Comments begin with `#`. The first words say who does what:

    start [key=value ...]                             a client starts the run (always the first step)
    signal NAME [id=..] / cancel [id=..] / terminate [reason=..]
    update NAME [id=..] [until=ACCEPTED|COMPLETED]
    workflow-task ID completed|failed|lost [attempt=..] [worker=..] [cause=..]
    activity ID started|completed|failed|canceled|lost|beats|detached [attempt=..] [worker=..] [...]
    report NAME|EVENT:ATTEMPT completed|failed|canceled|beats [id=..] [...]   of an activity, from outside of its worker
    child ID started|refused|completed|failed|canceled|timed-out|terminated [..]   what the shard of a child says
    other ID took|refused [cause=..]                  what the shard of another workflow says of event ID
    wait DURATION        time passes, and timers come due one by one
    sleep DURATION       time passes, and the timers that come due are not noticed yet
    end-batch            what is still buffered is stored
    start-again [reuse=..] [conflict=..]              what a second start of the workflow id meets
    follow               from here on, the run that follows the closed one
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.protocol.child_workflow import ParentClosePolicy, ParentLink, StartChildWorkflowExecution
from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
    ModifyWorkflowProperties,
    RecordMarker,
    RequestCancelActivityTask,
    ScheduleActivityTask,
    StartTimer,
    UpsertSearchAttributes,
)
from perdure.protocol.content import ContentBlock, hash_of, join_hashes, pack_piece
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.memo import pack_memo
from perdure.protocol.messages import Origin, RecordChildClosed, RecordChildStarted, RecordExternalAnswer
from perdure.protocol.payload import Payload
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import (
    ActivityChange,
    ActivityReport,
    ChangeActivity,
    IdConflictPolicy,
    IdReusePolicy,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ReportActivity,
    ReportTaskLost,
    RequestCancelWorkflow,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
    SignalWorkflow,
    StartWorkflow,
    StoreContent,
    TerminateWorkflow,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure.protocol.tasks import TaskKind
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateDelivery,
    UpdateMessageKind,
    UpdateStage,
    UpdateWorkflow,
)
from perdure_engine.core.decide import settle_open_conflict, settle_reuse
from perdure_engine.core.transition import Transition
from tests.audited_run import AuditedRun
from tests.transcripts.teller import Teller

RUN_ID = "5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"
START_US = 1_700_000_000_000_000
STREAM = (b"stream", b"1-0")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


@dataclass
class Step:
    """One input, its commands, and the output that the file has for it."""

    line: str
    commands: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)


def read_story(path: Path) -> list[str | Step]:
    """The comments (as text) and steps of a file, in order."""
    parts: list[str | Step] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if not line.strip() or line.startswith("#"):
            parts.append(line)
            continue
        step = Step(line)
        while index < len(lines) and lines[index].startswith("  "):
            step.commands.append(lines[index].strip())
            index += 1
        if index < len(lines) and lines[index] == "----":
            index += 1
            while index < len(lines) and lines[index].strip():
                step.output.append(lines[index])
                index += 1
        parts.append(step)
    return parts


def write_story(parts: list[str | Step], outputs: list[list[str]]) -> str:
    """The text of the file, with these outputs of its steps."""
    remaining = iter(outputs)
    lines: list[str] = []
    for part in parts:
        if isinstance(part, str):
            lines.append(part)
        else:
            lines += [part.line, *(f"  {command}" for command in part.commands), "----", *next(remaining)]
    return "\n".join(lines) + "\n"


def milliseconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    assert found is not None, f"{text!r} is no duration such as 500ms, 3s, 2m, 1h"
    return round(float(found[1]) * _UNITS_MS[found[2]])


class Words:
    """The words of one line: positional ones, and options `key=value` that are each to be used."""

    def __init__(self, line: str) -> None:
        self.plain: list[str] = []
        self._options: dict[str, str] = {}
        for word in shlex.split(line):
            key, separator, value = word.partition("=")
            if separator:
                self._options[key] = value
            else:
                self.plain.append(word)

    def text(self, key: str, default: str = "") -> str:
        return self._options.pop(key, default)

    def data(self, key: str, default: str = "") -> bytes:
        return self.text(key, default).encode()

    def number(self, key: str, default: int) -> int:
        return int(self._options.pop(key, default))

    def ms(self, key: str, default_ms: int = 0) -> int:
        text = self._options.pop(key, None)
        return default_ms if text is None else milliseconds(text)

    def flag(self, name: str) -> bool:
        return name in self.plain

    def done(self) -> None:
        assert not self._options, f"unknown options: {self._options}"


def _retry_policy(words: Words) -> RetryPolicyData | None:
    """`retry=INITIAL[:ATTEMPTS]`, `never=TYPE,TYPE`."""
    text, never = words.text("retry"), words.text("never")
    if not text and not never:
        return None
    initial, _, attempts = (text or "1s").partition(":")
    return RetryPolicyData(
        milliseconds(initial),
        maximum_attempts=int(attempts or 0),
        non_retryable_error_types=tuple(never.split(",")) if never else (),
    )


def _failure(words: Words) -> Failure:
    info = ApplicationInfo(words.text("type", "Error"), words.flag("non-retryable"), b"", words.ms("next-delay"))
    return Failure.of(words.text("message", "it broke"), info, source="PythonSDK")


_REPORTS = {
    "beats": ActivityReport.HEARTBEAT,
    "completed": ActivityReport.COMPLETED,
    "failed": ActivityReport.FAILED,
    "canceled": ActivityReport.CANCELED,
}


_CHANGES = {
    "pause-activity": ActivityChange.PAUSE,
    "unpause-activity": ActivityChange.UNPAUSE,
    "reset-activity": ActivityChange.RESET,
}


def _change_activity(words: Words) -> ChangeActivity:
    """`pause-activity ID` or `type=`, `unpause-activity`, `reset-activity`."""
    change, kind = _CHANGES[words.plain[0]], words.text("type")
    return ChangeActivity(
        "default",
        "order-7",
        "",
        "" if kind else words.plain[1],
        kind,
        change,
        words.text("reason"),
        words.ms("delay"),
        words.flag("reset-attempts"),
        words.flag("reset-heartbeat"),
        words.flag("keep-paused"),
        words.text("id", f"{change.name.lower()}-1"),
        "operator",
    )


def _report(words: Words) -> ReportActivity:
    event_id, _, attempt = words.plain[1].partition(":")
    named = (words.plain[1], 0, 0) if not attempt else ("", int(event_id), int(attempt))
    report = _REPORTS[words.plain[2]]
    return ReportActivity(
        "default",
        "order-7",
        "",
        *named,
        report,
        words.data("data"),
        _failure(words) if report == ActivityReport.FAILED else None,
        words.data("details"),
        "" if report == ActivityReport.HEARTBEAT else words.text("id", "report-1"),
        "outside",
    )


def _schedule_activity(words: Words) -> Command:
    return ScheduleActivityTask(
        words.plain[1],
        words.text("type", "charge"),
        words.text("queue"),
        words.data("input") * words.number("times", 1),
        words.ms("schedule-to-close"),
        words.ms("schedule-to-start"),
        words.ms("start-to-close"),
        words.ms("heartbeat"),
        _retry_policy(words),
        priority=words.number("priority", 3),
    )


def _content(words: Words) -> ContentBlock | None:
    """`content=A,B`, `needs=A,C`: pieces of content beside a request, each a word, and what must be there."""
    pieces, needs = words.text("content"), words.text("needs")
    if not pieces and not needs:
        return None
    data = [word.encode() for word in pieces.split(",") if word]
    named = tuple((hash_of(piece), pack_piece(piece)) for piece in data)
    return ContentBlock(named, join_hashes(hash_of(word.encode()) for word in needs.split(",") if word))


def _attributes(words: list[str]) -> bytes:
    """`NAME:TYPE:VALUE ...`; without a value the attribute is taken away."""
    rows = {}
    for word in words:
        name, kind, value = word.split(":")
        number = SearchAttributeType[kind]
        rows[name] = (int(number), (int(value) if value.isdecimal() else value) if value else None)
    return pack_search_attributes(rows)


def _note(words: Words) -> Payload | None:
    """`note NAME`, with `value=` and `times=`; without a value the note is taken away."""
    value = words.data("value") * words.number("times", 1)
    return Payload({}, value) if value else None


def _continue_as_new(words: Words) -> Command:
    return ContinueAsNewWorkflowExecution(
        words.data("input"),
        words.text("type"),
        words.text("queue"),
        words.ms("run-timeout"),
        words.ms("task-timeout"),
        words.ms("backoff"),
        _retry_policy(words),
    )


def _start_child(words: Words) -> Command:
    return StartChildWorkflowExecution(
        words.plain[1],
        words.text("type", "Ship"),
        words.text("queue"),
        words.data("input"),
        parent_close_policy=ParentClosePolicy[words.text("close", "TERMINATE")],
    )


def _signal_workflow(words: Words) -> Command:
    return SignalExternalWorkflowExecution(
        words.plain[1],
        words.text("run"),
        words.text("name", "poke"),
        words.data("input"),
        child_initiated_event_id=words.number("child", 0),
    )


def _cancel_workflow(words: Words) -> Command:
    return RequestCancelExternalWorkflowExecution(
        words.plain[1], words.text("run"), words.text("reason"), words.number("child", 0)
    )


_OUTCOMES = {
    "completed": ExecutionStatus.COMPLETED,
    "failed": ExecutionStatus.FAILED,
    "canceled": ExecutionStatus.CANCELED,
    "timed-out": ExecutionStatus.TIMED_OUT,
    "terminated": ExecutionStatus.TERMINATED,
}


def _tell_of_child(words: Words) -> Any:
    """What the shard of a child says."""
    event_id, what = int(words.plain[1]), words.plain[2]
    run_id = run_id_for_child(RUN_ID, event_id)
    if what in ("started", "refused"):
        cause = "" if what == "started" else words.text("cause", "WORKFLOW_ALREADY_EXISTS")
        return RecordChildStarted(RUN_ID, event_id, run_id, cause, "default", "child", ParentClosePolicy.TERMINATE)
    link = ParentLink("default", "order-7", RUN_ID, event_id, "order-7", RUN_ID)
    status = _OUTCOMES[what]
    failure = _failure(words) if status == ExecutionStatus.FAILED else None
    origin = Origin(3, run_id, 9)
    return RecordChildClosed(
        origin, link, "default", "child", run_id, "Ship", run_id, status, words.data("result"), failure
    )


def _message(words: Words, kind: UpdateMessageKind) -> Command:
    """`accept ID [name=..]`, `reject ID`, `respond ID [result=..] [failed]`."""
    update_id = words.plain[1]
    if kind == UpdateMessageKind.ACCEPTANCE:
        delivery = UpdateDelivery(update_id, words.text("name", "change"), words.data("input"), "client")
        return ProtocolMessage(update_id, kind, delivery)
    failure = _failure(words) if kind == UpdateMessageKind.REJECTION or words.flag("failed") else None
    return ProtocolMessage(update_id, kind, None, words.data("result") * words.number("times", 1), failure)


_COMMANDS: dict[str, Callable[[Words], Command]] = {
    "schedule-activity": _schedule_activity,
    "cancel-activity": lambda words: RequestCancelActivityTask(int(words.plain[1])),
    "start-timer": lambda words: StartTimer(words.plain[1], milliseconds(words.plain[2])),
    "cancel-timer": lambda words: CancelTimer(words.plain[1]),
    "record-marker": lambda words: RecordMarker(words.plain[1], words.data("details") * words.number("times", 1)),
    "upsert": lambda words: UpsertSearchAttributes(_attributes(words.plain[1:])),
    "note": lambda words: ModifyWorkflowProperties(pack_memo({words.plain[1]: _note(words)})),
    "start-child": _start_child,
    "signal-workflow": _signal_workflow,
    "cancel-workflow": _cancel_workflow,
    "accept": lambda words: _message(words, UpdateMessageKind.ACCEPTANCE),
    "reject": lambda words: _message(words, UpdateMessageKind.REJECTION),
    "respond": lambda words: _message(words, UpdateMessageKind.RESPONSE),
    "complete": lambda words: CompleteWorkflowExecution(words.data("result")),
    "fail": lambda words: FailWorkflowExecution(_failure(words)),
    "cancel": lambda words: CancelWorkflowExecution(words.data("details")),
    "continue-as-new": _continue_as_new,
}


def parse_command(line: str) -> Command:
    words = Words(line)
    command = _COMMANDS[words.plain[0]](words)
    words.done()
    return command


class Narrator:
    """Carries out the steps of one story.

    `reloading`: after each step the run is forgotten and made again from its history, which must change nothing.
    """

    def __init__(self, *, reloading: bool = False) -> None:
        self._run: AuditedRun | None = None
        self._teller = Teller(START_US)
        self._reloading = reloading

    @property
    def run(self) -> AuditedRun:
        assert self._run is not None, "the first step is a start"
        return self._run

    def tell(self, step: Step) -> list[str]:
        """What comes of one step."""
        words = Words(step.line)
        commands = tuple(parse_command(line) for line in step.commands)
        output = list(self._carry_out(words, commands))
        words.done()
        if self._reloading and self.run.state.is_open:
            self.run.end_batch()
            self.run.reload(from_snapshot=False)
        return output

    def end(self) -> None:
        self.run.end_batch()

    def _carry_out(self, words: Words, commands: tuple[Command, ...]) -> Iterator[str]:
        verb = words.plain[0]
        if verb == "start":
            yield from self._start(words)
        elif verb in ("wait", "sleep"):
            yield from self._pass_time(milliseconds(words.plain[1]) * 1000, noticed=verb == "wait")
        elif verb == "end-batch":
            for record in self.run.end_batch():
                yield self._teller.record(record)
        elif verb == "follow":
            self._run = self.run.follow()
            yield from self._teller.transition(self._run.started)
        elif verb == "start-again":
            yield from self._start_again(words)
        else:
            content = _content(words)
            request = StoreContent(self.run.state.run_id) if verb == "store" else self._request(verb, words, commands)
            yield from self._teller.transition(self.run.decide(request, content))

    def _start(self, words: Words) -> Iterator[str]:
        request = StartWorkflow(
            "default",
            "order-7",
            words.text("type", "Order"),
            "q",
            words.data("input"),
            "start-1",
            "client",
            run_timeout_ms=words.ms("run-timeout"),
            execution_timeout_ms=words.ms("execution-timeout"),
            start_delay_ms=words.ms("start-delay"),
            retry_policy=_retry_policy(words),
            cron_schedule=words.text("cron"),
        )
        self._run = AuditedRun(request, RUN_ID, START_US)
        self._run.audit()
        yield from self._teller.transition(self._run.started)

    def _start_again(self, words: Words) -> Iterator[str]:
        request = StartWorkflow(
            "default",
            "order-7",
            "Order",
            "q",
            b"",
            "start-2",
            "client",
            id_reuse_policy=IdReusePolicy[words.text("reuse", "ALLOW_DUPLICATE")],
            id_conflict_policy=IdConflictPolicy[words.text("conflict", "FAIL")],
        )
        transition = Transition()
        state = self.run.state
        if state.is_open:
            free = settle_open_conflict(request, state.run_id, transition)
            granted = "the open run is to be terminated for the new one"
        else:
            free = settle_reuse(request, state.run_id, state.status, transition)
            granted = "a new run may start"
        if free:
            yield f"  {granted}"
        yield from self._teller.transition(transition)

    def _pass_time(self, span_us: int, *, noticed: bool) -> Iterator[str]:
        run = self.run
        until_us = run.now_us + span_us
        while noticed and run.state.is_open:
            due = [row for row in sorted(run.timers) if row[0] <= until_us]
            if not due:
                break
            run.now_us = max(run.now_us, due[0][0])
            yield f"{self._teller.time(run.now_us)}: {self._teller.timer(due[0][1], due[0][2])} is due"
            yield from self._teller.transition(run.fire(due[0]))
        run.now_us = until_us
        yield f"it is {self._teller.time(until_us)}"

    def _request(self, verb: str, words: Words, commands: tuple[Command, ...]) -> Any:
        now_us = self.run.now_us
        if verb == "signal":
            return SignalWorkflow(
                "default",
                "order-7",
                "",
                words.plain[1],
                words.data("input") * words.number("times", 1),
                words.text("id", "signal-1"),
                "client",
            )
        if verb == "update":
            return UpdateWorkflow(
                "default",
                "order-7",
                "",
                words.text("id", "update-1"),
                words.plain[1],
                words.data("input") * words.number("times", 1),
                "client",
                UpdateStage[words.text("until", "COMPLETED")],
            )
        if verb == "cancel":
            reason = words.text("reason")
            return RequestCancelWorkflow("default", "order-7", "", reason, words.text("id", "cancel-1"), "client")
        if verb == "terminate":
            reason, details = words.text("reason", "enough"), words.data("details")
            return TerminateWorkflow(
                "default", "order-7", "", reason, details, words.text("id", "terminate-1"), "client"
            )
        if verb == "other":
            cause = "" if words.plain[2] == "took" else words.text("cause", "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND")
            return RecordExternalAnswer(RUN_ID, int(words.plain[1]), cause)
        if verb == "child":
            return _tell_of_child(words)
        if verb in _CHANGES:
            return _change_activity(words)
        if verb == "report":
            return _report(words)
        event_id, what = int(words.plain[1]), words.plain[2]
        task = self.run.tasks.get((TaskKind.WORKFLOW, event_id))
        attempt = task.attempt if words.flag("speculative") and task else words.number("attempt", 1)
        worker = words.text("worker", "w1")
        run_id = self.run.state.run_id
        key = (run_id, event_id, attempt)
        if verb == "workflow-task":
            if what == "completed":
                return RespondWorkflowTaskCompleted(*key, now_us, commands, worker, worker, *STREAM)
            if what == "failed":
                cause = words.text("cause", "NON_DETERMINISTIC_ERROR")
                return RespondWorkflowTaskFailed(*key, now_us, cause, _failure(words), worker, *STREAM)
            return ReportTaskLost(run_id, TaskKind.WORKFLOW, event_id, attempt, worker, *STREAM)
        assert verb == "activity", f"unknown step {verb!r}"
        if what == "started":
            return RecordActivityTaskStarted(*key, now_us, worker)
        if what == "beats":
            return RecordActivityTaskHeartbeat(*key, words.data("details"), worker)
        if what == "completed":
            result = words.data("result") * words.number("times", 1)
            return RespondActivityTaskCompleted(*key, now_us, result, worker, *STREAM)
        if what == "failed":
            failure = _failure(words)
            return RespondActivityTaskFailed(*key, now_us, failure, worker, *STREAM, words.data("details"))
        if what == "canceled":
            return RespondActivityTaskCanceled(*key, now_us, words.data("details"), worker, *STREAM)
        if what == "detached":
            return RespondActivityTaskDetached(*key, now_us, worker, *STREAM)
        assert what == "lost", f"unknown step {what!r}"
        return ReportTaskLost(run_id, TaskKind.ACTIVITY, event_id, attempt, worker, *STREAM)
