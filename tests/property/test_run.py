"""One run, driven at random: whatever comes in, in whatever order, the auditor of `audited_run.py` finds no fault.

Requests are legal and illegal, attempts right and wrong, timers on time and late; batches end anywhere, and a reload
from the first row or from a snapshot may follow each. The history that comes of it is legal.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

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
from perdure.protocol.events import decode_records
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, Failure, ServerInfo
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import ReplyKind
from perdure.protocol.requests import (
    ActivityChange,
    ActivityReport,
    ChangeActivity,
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
    TerminateWorkflow,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.search_attributes import pack_search_attributes
from perdure.protocol.tasks import TaskKind
from tests.audited_run import AuditedRun, TimerRow
from tests.legality import violations

RUN_ID = "5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"
START_US = 1_700_000_000_000_000

timeouts_ms = st.sampled_from([0, 0, 1_000, 5_000, 60_000])
workers = st.sampled_from(["w1", "w2"])

retry_policies = st.none() | st.builds(
    RetryPolicyData,
    initial_interval_ms=st.sampled_from([0, 500, 1_000]),
    backoff_coefficient=st.sampled_from([1.0, 2.0]),
    maximum_interval_ms=st.sampled_from([0, 2_000]),
    maximum_attempts=st.sampled_from([0, 0, 1, 3]),
    non_retryable_error_types=st.sampled_from([(), ("Fatal",)]),
)

failures = st.builds(
    Failure.of,
    st.just("it broke"),
    st.sampled_from(
        [
            ApplicationInfo("Odd"),
            ApplicationInfo("Odd"),
            ApplicationInfo("Fatal"),
            ApplicationInfo("ActivityPause"),
            ApplicationInfo("ActivityReset"),
            ApplicationInfo("Odd", non_retryable=True),
            ApplicationInfo("Odd", next_retry_delay_ms=1_500),
            CanceledInfo(b"why"),
            ServerInfo(),
        ]
    ),
)

activity_ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])
schedules = st.builds(
    ScheduleActivityTask,
    activity_id=activity_ids,
    activity_type=st.just("charge"),
    task_queue=st.sampled_from(["", "gpu"]),
    input=st.sampled_from([b"", b"input"]),
    schedule_to_close_timeout_ms=timeouts_ms,
    schedule_to_start_timeout_ms=timeouts_ms,
    start_to_close_timeout_ms=st.sampled_from([1_000, 5_000, 60_000, 0]),
    heartbeat_timeout_ms=timeouts_ms,
    retry_policy=retry_policies,
    headers=st.just(b""),
    priority=st.sampled_from([3, 3, 3, 1, 5, 6]),
    summary=st.just(""),
)
timer_ids = st.sampled_from(["s", "t", "u"])
timer_starts = st.builds(
    StartTimer, timer_id=timer_ids, start_to_fire_timeout_ms=st.sampled_from([0, 1_000, 7_000]), summary=st.just("")
)
markers = st.builds(
    RecordMarker, st.sampled_from(["core_patch"] * 9 + [""]), st.just(b"details"), st.just(b""), st.none()
)
upserts = st.builds(
    UpsertSearchAttributes,
    st.dictionaries(
        st.sampled_from(["Amount", "Count"]), st.sampled_from([(3, 1), (3, None), (3, "no integer"), (2, "word")])
    ).map(pack_search_attributes),
)
notes = st.builds(
    ModifyWorkflowProperties,
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([Payload({}, b"1"), None])).map(pack_memo),
)
closings: st.SearchStrategy[Command] = st.one_of(
    st.builds(CompleteWorkflowExecution, st.just(b"done")),
    st.builds(FailWorkflowExecution, failures),
    st.builds(CancelWorkflowExecution, st.just(b"")),
    st.builds(
        ContinueAsNewWorkflowExecution,
        st.just(b"more"),
        run_timeout_ms=st.sampled_from([0, 100_000]),
        backoff_start_interval_ms=st.sampled_from([0, 0, 2_000]),
        memo=st.sampled_from([b"", b"memo"]),
    ),
)


class RunMachine(RuleBasedStateMachine):
    """Hypothesis chooses the rules; each step of `AuditedRun` checks itself."""

    @initialize(
        run_timeout_ms=st.sampled_from([0, 0, 0, 300_000]),
        execution_timeout_ms=st.sampled_from([0, 0, 200_000]),
        start_delay_ms=st.sampled_from([0, 0, 0, 3_000]),
    )
    def start(self, run_timeout_ms: int, execution_timeout_ms: int, start_delay_ms: int) -> None:
        request = StartWorkflow(
            "default",
            "order",
            "Order",
            "q",
            b"input",
            "start",
            "client",
            run_timeout_ms=run_timeout_ms,
            execution_timeout_ms=execution_timeout_ms,
            start_delay_ms=start_delay_ms,
        )
        self.run = AuditedRun(request, RUN_ID, START_US)
        self.run.audit()

    def is_open(self) -> bool:
        return self.run.state.is_open

    def has_task(self) -> bool:
        return self.is_open() and any(kind == TaskKind.WORKFLOW for kind, _ in self.run.tasks)

    def has_activity(self) -> bool:
        return self.is_open() and any(kind == TaskKind.ACTIVITY for kind, _ in self.run.tasks)

    # Time and storage ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_open())
    @rule(step_ms=st.sampled_from([1, 400, 1_000, 6_000, 40_000]), late=st.booleans())
    def time_moves_on(self, step_ms: int, late: bool) -> None:
        self.run.now_us += step_ms * 1000
        if not late:
            self.fire_all()

    @precondition(lambda self: self.is_open())
    @rule()
    def fire_all(self) -> None:
        due = self.run.due()
        for row in due:
            if row in self.run.timers and self.is_open():
                self.run.fire(row)

    @precondition(lambda self: self.is_open() and self.run.timers)
    @rule(data=st.data())
    def next_timer_is_due(self, data: st.DataObject) -> None:
        row: TimerRow = data.draw(st.sampled_from(sorted(self.run.timers)))
        self.run.now_us = max(self.run.now_us, row[0])
        self.run.fire(row)

    @rule(snapshot=st.booleans())
    def end_batch(self, snapshot: bool) -> None:
        self.run.end_batch()
        if snapshot:
            self.run.take_snapshot()

    @precondition(lambda self: self.is_open())
    @rule(from_snapshot=st.booleans())
    def reload(self, from_snapshot: bool) -> None:
        self.run.end_batch()
        self.run.reload(from_snapshot=from_snapshot)

    # From clients ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_open())
    @rule(request_id=st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6", ""]))
    def signal(self, request_id: str) -> None:
        before = self.run.state.signal_count
        known = request_id in self.run.state.request_ids
        transition = self.run.decide(SignalWorkflow("default", "order", "", "poke", b"x", request_id, "client"))
        assert transition.reply_kind == (ReplyKind.OK if request_id else ReplyKind.ERROR)
        assert self.run.state.signal_count == before + (1 if request_id and not known else 0)

    @precondition(lambda self: self.is_open())
    @rule(request_id=st.sampled_from(["c1", "c2", ""]))
    def cancel(self, request_id: str) -> None:
        self.run.decide(RequestCancelWorkflow("default", "order", "", "stop", request_id, "client"))

    @precondition(lambda self: self.is_open() and len(self.run.history) > 60)
    @rule()
    def terminate(self) -> None:
        self.run.decide(TerminateWorkflow("default", "order", "", "enough", b"", "end", "client"))
        assert not self.is_open()

    def report(self, kind: TaskKind, request: Any) -> None:
        """A worker or matching says something of an attempt; if that attempt is not out, nothing may come of it.

        A retry that is due and not fired is as good as out: the machines cannot tell, and nobody holds it yet.
        """
        task = self.run.tasks.get((kind, request.scheduled_event_id))
        is_out = task is not None and task.attempt == request.attempt
        may_be_out = is_out or self.run.is_retry_due(request.scheduled_event_id)
        transition = self.run.decide(request)
        if not may_be_out:
            assert not transition.records
            assert not transition.effects

    # Workflow tasks --------------------------------------------------------------------------------------------------

    def workflow_task(self, data: st.DataObject) -> tuple[int, int]:
        """Event id and attempt of the task that is out; now and then of one that is not."""
        [(event_id, attempt)] = [
            (event_id, item.attempt) for (kind, event_id), item in self.run.tasks.items() if kind == TaskKind.WORKFLOW
        ]
        return event_id + data.draw(st.sampled_from([0] * 9 + [1])), attempt + data.draw(st.sampled_from([0] * 9 + [1]))

    def commands(self, data: st.DataObject) -> tuple[Command, ...]:
        """Mostly what a workflow could ask for; now and then what it could not."""
        state = self.run.state
        kinds: list[st.SearchStrategy[Any]] = [
            schedules.filter(lambda command: command.activity_id not in state.activity_ids),
            timer_starts.filter(lambda command: command.timer_id not in state.timers),
            markers,
            upserts,
            notes,
        ]
        if state.timers:
            kinds.append(st.builds(CancelTimer, st.sampled_from(sorted(state.timers))))
        if state.activities:
            kinds.append(st.builds(RequestCancelActivityTask, st.sampled_from(sorted(state.activities))))
        wanted = data.draw(st.lists(st.one_of(kinds), min_size=1, max_size=4, unique_by=repr))
        oddity = data.draw(st.integers(0, 19))
        if oddity == 0:
            odd = [
                schedules,
                timer_starts,
                st.builds(CancelTimer, timer_ids),
                st.builds(RequestCancelActivityTask, st.integers(-1, state.next_event_id)),
            ]
            wanted += data.draw(st.lists(st.one_of(odd), min_size=1, max_size=2))
        if oddity == 1 or len(self.run.history) > 90:
            wanted.append(data.draw(closings))
        return tuple(wanted)

    @precondition(lambda self: self.has_task())
    @rule(
        data=st.data(),
        worker=workers,
        started_us=st.sampled_from([0, START_US, START_US + 10**12]),
        how=st.sampled_from(["completed"] * 6 + ["failed", "lost"]),
    )
    def workflow_task_ends(self, data: st.DataObject, worker: str, started_us: int, how: str) -> None:
        event_id, attempt = self.workflow_task(data)
        if how == "completed":
            names = (worker, worker, b"s", b"1-0")
            commands = self.commands(data)
            self.report(
                TaskKind.WORKFLOW, RespondWorkflowTaskCompleted(RUN_ID, event_id, attempt, started_us, commands, *names)
            )
        elif how == "failed":
            failure = Failure("replay went another way")
            self.report(
                TaskKind.WORKFLOW,
                RespondWorkflowTaskFailed(RUN_ID, event_id, attempt, 0, "ODD", failure, worker, b"s", b"1-0"),
            )
        else:
            self.report(
                TaskKind.WORKFLOW, ReportTaskLost(RUN_ID, TaskKind.WORKFLOW, event_id, attempt, worker, b"s", b"1-0")
            )

    @precondition(lambda self: self.has_task())
    @rule(data=st.data())
    def workflow_goes_on(self, data: st.DataObject) -> None:
        [(event_id, attempt)] = [
            (event_id, item.attempt) for (kind, event_id), item in self.run.tasks.items() if kind == TaskKind.WORKFLOW
        ]
        commands = self.commands(data)
        names = ("w1", "w1", b"s", b"1-0")
        self.report(
            TaskKind.WORKFLOW,
            RespondWorkflowTaskCompleted(RUN_ID, event_id, attempt, self.run.now_us, commands, *names),
        )

    # Activities ------------------------------------------------------------------------------------------------------

    def activity(self, data: st.DataObject) -> tuple[int, int]:
        """Event id and attempt of one that is out; now and then of one that was, or that waits for the buffer. Nobody
        holds one whose retry is due and not fired."""
        out = sorted(
            (event_id, item.attempt) for (kind, event_id), item in self.run.tasks.items() if kind == TaskKind.ACTIVITY
        )
        if data.draw(st.integers(0, 9)) == 0:
            known = self.run.state.activities.items()
            out += [(event_id, item.attempt) for event_id, item in known if not self.run.is_retry_due(event_id)]
        event_id, attempt = data.draw(st.sampled_from(out))
        return event_id, max(1, attempt + data.draw(st.sampled_from([0] * 9 + [-1])))

    @precondition(lambda self: self.has_activity())
    @rule(data=st.data(), worker=workers, offset_us=st.sampled_from([-(10**12), -1_000, 0, 10**12]))
    def activity_started(self, data: st.DataObject, worker: str, offset_us: int) -> None:
        event_id, attempt = self.activity(data)
        self.report(
            TaskKind.ACTIVITY, RecordActivityTaskStarted(RUN_ID, event_id, attempt, self.run.now_us + offset_us, worker)
        )

    @precondition(lambda self: self.has_activity())
    @rule(data=st.data(), details=st.sampled_from([b"10%", b"90%"]))
    def activity_beats(self, data: st.DataObject, details: bytes) -> None:
        event_id, attempt = self.activity(data)
        self.report(TaskKind.ACTIVITY, RecordActivityTaskHeartbeat(RUN_ID, event_id, attempt, details, "w1"))

    @precondition(lambda self: self.has_activity())
    @rule(
        data=st.data(),
        started_us=st.sampled_from([0, START_US, START_US + 10**12]),
        failure=failures,
        details=st.sampled_from([b"", b"50%"]),
        how=st.sampled_from(["completed", "failed", "failed", "canceled", "lost", "detached"]),
    )
    def activity_ends(self, data: st.DataObject, started_us: int, failure: Failure, details: bytes, how: str) -> None:
        event_id, attempt = self.activity(data)
        names = ("w1", b"s", b"1-0")
        if how == "completed":
            request: Any = RespondActivityTaskCompleted(RUN_ID, event_id, attempt, started_us, b"result", *names)
        elif how == "failed":
            request = RespondActivityTaskFailed(RUN_ID, event_id, attempt, started_us, failure, *names, details)
        elif how == "canceled":
            request = RespondActivityTaskCanceled(RUN_ID, event_id, attempt, started_us, b"", *names)
        elif how == "detached":
            request = RespondActivityTaskDetached(RUN_ID, event_id, attempt, started_us, *names)
        else:
            request = ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, event_id, attempt, *names)
        self.report(TaskKind.ACTIVITY, request)

    @precondition(lambda self: self.is_open())
    @rule(
        data=st.data(),
        activity_id=activity_ids,
        report=st.sampled_from(ActivityReport),
        failure=failures,
        details=st.sampled_from([b"", b"70%"]),
    )
    def activity_is_reported(
        self, data: st.DataObject, activity_id: str, report: ActivityReport, failure: Failure, details: bytes
    ) -> None:
        """By its id, or by the token of an attempt. A batch fires what is due, too, so that the task which keeps the
        details of a heartbeat is there when they are written."""
        if report == ActivityReport.HEARTBEAT:
            self.fire_all()
            if not self.is_open():
                return
        event_id = attempt = 0
        if self.has_activity() and data.draw(st.booleans()):
            activity_id = ""
            event_id, attempt = self.activity(data)
        told = failure if report == ActivityReport.FAILED else None
        request = ReportActivity(
            "default", "order", "", activity_id, event_id, attempt, report, b"", told, details, "report", "outside"
        )
        is_known = event_id in self.run.state.activities or activity_id in self.run.state.activity_ids
        transition = self.run.decide(request)
        assert is_known or transition.reply_kind == ReplyKind.ERROR
        assert transition.reply_kind != ReplyKind.ERROR or not (transition.records or transition.effects)

    @precondition(lambda self: self.is_open())
    @rule(
        activity_id=activity_ids,
        by_type=st.sampled_from([False, False, True]),
        change=st.sampled_from(ActivityChange),
        delay_ms=st.sampled_from([0, 0, 2_000]),
        resets=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        request_id=st.sampled_from([f"change-{number}" for number in range(20)]),
    )
    def activity_is_changed(
        self,
        activity_id: str,
        by_type: bool,
        change: ActivityChange,
        delay_ms: int,
        resets: tuple[bool, bool, bool],
        request_id: str,
    ) -> None:
        """An operator pauses activities, lets them go on, or resets them."""
        named = ("", "charge") if by_type else (activity_id, "")
        request = ChangeActivity("default", "order", "", *named, change, "", delay_ms, *resets, request_id, "operator")
        transition = self.run.decide(request)
        assert transition.reply_kind != ReplyKind.ERROR or not (transition.records or transition.effects)

    def teardown(self) -> None:
        if hasattr(self, "run"):
            self.run.end_batch()
            wrong = violations([record for row in self.run.rows for record in decode_records(row)])
            assert not wrong, [str(violation) for violation in wrong]


TestRun = RunMachine.TestCase
TestRun.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
