"""Each rule of the auditor notices when the evidence is not as it should be.

The evidence is that of a run in which all was right, with one thing changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from perdure.client import ScheduleOverlapPolicy
from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.child_workflow import (
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionStarted,
    ParentClosePolicy,
    StartChildWorkflowExecutionInitiated,
)
from perdure.protocol.events import (
    EVENTS,
    ActivityAttemptFailed,
    ActivityTaskCompleted,
    ActivityTaskScheduled,
    HistoryEvent,
    TimerStarted,
    WorkflowExecutionCanceled,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionSignaled,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    decode_records,
    encode_records,
)
from perdure.protocol.external_workflow import (
    ExternalWorkflowExecutionSignaled,
    SignalExternalWorkflowExecutionFailed,
)
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import activity_run_id
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, Outcome, ReplyKind, Started
from perdure.protocol.requests import (
    RequestCancelWorkflow,
    ResetWorkflow,
    RespondActivityTaskCompleted,
    StartWorkflow,
    TerminateWorkflow,
)
from perdure.protocol.tasks import ActivityTask
from perdure.protocol.updates import UpdateReply, UpdateStage, UpdateWorkflow, WorkflowExecutionUpdateAccepted
from perdure_engine.core.snapshot import encode_snapshot
from perdure_store.memory import MemoryDatabase
from perdure_store.port import DeadLetterRow, ExecutionRow, SnapshotRow
from tests.simulation.auditor import audit
from tests.simulation.auditor.states import folded
from tests.simulation.auditor.task_evidence import is_task, key_of
from tests.simulation.client import POISON
from tests.simulation.crew import MODELS
from tests.simulation.generated_updates import REFUSED
from tests.simulation.ledger import Ask, Attempt, Forgotten, Ledger, Reply, TaskWrite
from tests.simulation.limit_plans import LIMITED, NO_LIMITS
from tests.simulation.rules import Rule
from tests.simulation.scenario import draw_scenario
from tests.simulation.schedule_plans import SCHEDULES
from tests.simulation.simulating import simulate_scenario
from tests.simulation.task_plans import TASKS
from tests.simulation.world import World

SEED, WORKFLOWS = 1, 40
"""A run that has something for every rule. No fault befalls it: whatever else is mended or planned, all is right in
it."""

LATE_S = 1e6
OTHER_RUN = "00000000-0000-0000-0000-000000000001"


@dataclass
class Case:
    """Evidence that may be changed."""

    database: MemoryDatabase
    ledger: Ledger

    def rewrite(self, kind: type[Any], change: Callable[[HistoryEvent], list[HistoryEvent]]) -> ExecutionRow:
        """Replace the first record of a kind, in the store. Returns the row of its run."""
        for key, rows in self.database.history.items():
            for number, row in rows.items():
                records = decode_records(row.data)
                for place, record in enumerate(records):
                    if isinstance(record.attributes, kind):
                        records[place : place + 1] = change(record)
                        rows[number] = row._replace(data=encode_records(records))
                        return self.database.executions[key]
        raise AssertionError(f"no run of seed {SEED} has a {kind.__name__}; choose another seed")

    def rewrite_all(self, kind: type[Any], workflow_id: str, attributes: Any) -> None:
        """Replace every record of a kind in the runs of a workflow id; by nothing, if `attributes` is None."""
        for key, rows in self.database.history.items():
            if self.database.executions[key].workflow_id == workflow_id:
                for number, row in rows.items():
                    records = [
                        replaced(record, attributes) if isinstance(record.attributes, kind) else record
                        for record in decode_records(row.data)
                        if attributes is not None or not isinstance(record.attributes, kind)
                    ]
                    rows[number] = row._replace(data=encode_records(records))

    def change(self, kind: type[Any], **fields: Any) -> ExecutionRow:
        return self.rewrite(kind, lambda record: [record._replace(attributes=record.attributes._replace(**fields))])

    def remove(self, kind: type[Any]) -> ExecutionRow:
        return self.rewrite(kind, lambda record: [])

    def repeat(self, kind: type[Any]) -> ExecutionRow:
        return self.rewrite(kind, lambda record: [record, record])

    def closed(self) -> ExecutionRow:
        """Some run that completed."""
        return next(row for row in self.database.executions.values() if row.status == ExecutionStatus.COMPLETED)

    def asks(self, kind: type[Any]) -> Iterator[Ask]:
        """Requests of a kind that were sent once and acknowledged."""
        for ask in self.ledger.asks.values():
            if isinstance(ask.request, kind) and len(ask.sent_s) == 1 and ask.acknowledged_s is not None:
                yield ask

    def recorded_result(self) -> Ask:
        """The report of an activity whose outcome it became."""
        return next(
            ask for ask in self.asks(RespondActivityTaskCompleted) if not is_task(ask.request.scheduled_event_id)
        )

    def rewrite_task(
        self, is_meant: Callable[[TaskWrite], bool], change: Callable[[TaskWrite], list[TaskWrite]]
    ) -> None:
        """Replace the first thing of a kind that was committed about activities without a workflow."""
        writes = self.ledger.task_writes
        place = next(place for place, write in enumerate(writes) if is_meant(write))
        writes[place : place + 1] = change(writes[place])


@pytest.fixture(scope="module")
def right() -> Case:
    """What is left of a run in which all was right."""
    kept: list[World] = []
    judge = World.judge

    def keep(world: World) -> None:
        judge(world)
        kept.append(world)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "judge", keep)
        verdict = simulate_scenario(
            replace(
                draw_scenario(SEED),
                workflows=tuple(range(WORKFLOWS)),
                tasks=tuple(range(TASKS)),
                limited=tuple(range(LIMITED)),
                schedules=tuple(range(SCHEDULES)),
                faults=(),
                has_night=False,
            )
        )
    assert not verdict.wrong
    return Case(kept[0].database, kept[0].ledger)


def test_nothing_is_found_where_nothing_is_wrong(right: Case) -> None:
    assert audit(right.database, right.ledger, MODELS) == []


def replaced(record: HistoryEvent, attributes: Any) -> HistoryEvent:
    """Another event in the place of this one."""
    return record._replace(event_type=EVENTS.kind_of[type(attributes)], attributes=attributes)


# What is changed for each rule ---------------------------------------------------------------------------------------
def lose_a_run(case: Case) -> None:
    row = case.closed()
    del case.database.executions[row.shard_id, row.run_id]


def begin_a_run_within_another(case: Case) -> None:
    row = case.closed()
    other = row._replace(run_id=OTHER_RUN, start_time_us=row.start_time_us + 1)
    case.database.executions[row.shard_id, OTHER_RUN] = other
    case.database.history[row.shard_id, OTHER_RUN] = case.database.history[row.shard_id, row.run_id]


def end_a_termination_otherwise(case: Case) -> None:
    workflow_id = next(case.asks(TerminateWorkflow)).request.workflow_id
    case.rewrite_all(WorkflowExecutionTerminated, workflow_id, WorkflowExecutionTimedOut(1))


def cancel_unasked(case: Case) -> None:
    case.rewrite(WorkflowExecutionCompleted, lambda record: [replaced(record, WorkflowExecutionCanceled(b"", 1))])


def forget_a_cancellation(case: Case) -> None:
    workflow_id = next(case.asks(RequestCancelWorkflow)).request.workflow_id
    case.rewrite_all(WorkflowExecutionCancelRequested, workflow_id, None)


def refuse_what_took_effect(case: Case) -> None:
    ask = case.recorded_result()
    ask.replies[:] = [Reply(ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "no"), LATE_S)]


def answer_twice(case: Case) -> None:
    ask = case.recorded_result()
    ask.replies.append(Reply(ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "no"), LATE_S))


def tell_another_outcome(case: Case) -> None:
    ask = next(ask for ask in case.ledger.asks.values() if ask.bodies(Outcome))
    ask.replies.append(Reply(ReplyKind.OUTCOME, ask.bodies(Outcome)[0]._replace(result=b"other"), LATE_S))


def run_an_attempt_too_many(case: Case) -> None:
    attempts = next(iter(case.ledger.attempts.values()))
    attempts.append(Attempt(99, "worker", LATE_S))


def run_twice_what_may_run_once(case: Case) -> None:
    once = [
        (row.run_id, record.attributes.activity_id)
        for rows in case.database.history.values()
        for row in rows.values()
        for record in decode_records(row.data)
        if isinstance(record.attributes, ActivityTaskScheduled) and record.attributes.retry_policy.maximum_attempts == 1
    ]
    attempts = next(case.ledger.attempts[activity] for activity in once if activity in case.ledger.attempts)
    attempts.append(attempts[0])


def hand_out_again(case: Case) -> None:
    given = next(item for item in case.ledger.hand_outs if isinstance(item.task, ActivityTask))
    case.ledger.hand_outs.append(given)


def hand_out_with_other_details(case: Case) -> None:
    for given in case.ledger.hand_outs:
        if isinstance(given.task, ActivityTask):
            task = given.task._replace(heartbeat_details=b"other")
            case.ledger.hand_outs.append(given._replace(task=task))
            return


def hand_out_after_success(case: Case) -> None:
    request = case.recorded_result().request
    given = next(
        item
        for item in case.ledger.hand_outs
        if (item.task.run_id, item.task.scheduled_event_id) == (request.run_id, request.scheduled_event_id)
    )
    case.ledger.hand_outs.append(given._replace(at_s=LATE_S, epoch=99))


def lose_content(case: Case) -> None:
    next(pieces for pieces in case.database.payloads.values() if pieces).popitem()


def lose_a_row(case: Case) -> None:
    row = case.closed()
    del case.database.history[row.shard_id, row.run_id][2]


def forget_in_a_snapshot(case: Case) -> None:
    row = case.closed()
    history = case.database.history[row.shard_id, row.run_id]
    state = folded(row, [history[1]])
    state.signal_count += 1
    snapshot = SnapshotRow(row.shard_id, row.run_id, 1, encode_snapshot(state))
    case.database.snapshots[row.shard_id, row.run_id] = snapshot


def reopen_a_row(case: Case) -> None:
    row = case.closed()
    case.database.executions[row.shard_id, row.run_id] = row._replace(status=ExecutionStatus.FAILED)


def list_as_open(case: Case) -> None:
    key, row = next(iter(case.database.visibility.items()))
    case.database.visibility[key] = row._replace(status=ExecutionStatus.RUNNING)


def set_aside(case: Case) -> None:
    case.database.dead_letters["letter"] = DeadLetterRow(0, "letter", 0, "inbox", "some reason", b"some request")


def know_of_no_arrival(case: Case) -> None:
    failed = SignalExternalWorkflowExecutionFailed("NOT_FOUND", "default", "", "", 0, 0)
    case.rewrite(
        ExternalWorkflowExecutionSignaled,
        lambda record: [replaced(record, failed._replace(initiated_event_id=record.attributes.initiated_event_id))],
    )


def abandon_every_child(case: Case) -> None:
    """Among them those that their parent's end has ended."""
    for rows in case.database.history.values():
        for number, row in rows.items():
            records = [
                record._replace(attributes=record.attributes._replace(parent_close_policy=ParentClosePolicy.ABANDON))
                if isinstance(record.attributes, StartChildWorkflowExecutionInitiated)
                else record
                for record in decode_records(row.data)
            ]
            rows[number] = row._replace(data=encode_records(records))


def tell_a_rejection(case: Case) -> None:
    """Of an update that was accepted."""
    refused = Failure.of("no", ApplicationInfo(REFUSED))
    ask = next(ask for ask in case.asks(UpdateWorkflow) if ask.bodies(UpdateReply)[-1].failure is None)
    run_id = ask.bodies(UpdateReply)[0].run_id
    ask.replies.append(Reply(ReplyKind.OUTCOME, UpdateReply(run_id, UpdateStage.COMPLETED, b"", refused), LATE_S))


def answer_a_reset_with_another_run(case: Case) -> None:
    ask = next(ask for ask in case.asks(ResetWorkflow) if ask.bodies(Started))
    ask.replies.append(Reply(ReplyKind.OK, Started(OTHER_RUN, True), LATE_S))


def lose_an_execution(case: Case) -> None:
    run_id = next(case.asks(StartActivity)).bodies(Started)[0].run_id
    case.ledger.task_writes[:] = [
        write for write in case.ledger.task_writes if activity_run_id(*key_of(write)) != run_id
    ]


def begin_an_execution_within_another(case: Case) -> None:
    """A second one under the id of one that is out."""

    def begin(write: TaskWrite) -> list[TaskWrite]:
        assert write.row is not None
        other = write.row._replace(number=write.row.number + 1, scheduled_us=write.row.close_time_us - 1)
        return [write, write._replace(row=other)]

    case.rewrite_task(lambda write: write.row is not None and write.row.close_time_us > 0, begin)


def give_out_early(case: Case) -> None:
    case.rewrite_task(lambda write: write.entry is not None, lambda write: [write._replace(time_us=1)])


def list_one_twice(case: Case) -> None:
    assert case.ledger.listing is not None
    case.ledger.listing.rows.append(case.ledger.listing.rows[0])


def fill_the_queue(case: Case, **fields: Any) -> None:
    """Tasks enter the queue under limits, all at once."""
    change = case.ledger.limits[0]
    case.ledger.limits[0] = change._replace(limits=replace(NO_LIMITS, **fields))
    published = case.ledger.published[0]
    case.ledger.published[:0] = [published] * 3


def schedule_otherwise(case: Case) -> None:
    """What was due is not what was started."""
    for plan in case.ledger.schedule_plans:
        plan.due = plan.due._replace(rest=(plan.due.rest + 1) % plan.due.every)
        plan.overlap, plan.catchup_s, plan.remaining = ScheduleOverlapPolicy.ALLOW_ALL, None, 0


def end_no_scheduled_run(case: Case) -> None:
    for plan in case.ledger.schedule_plans:
        plan.overlap = ScheduleOverlapPolicy.SKIP
    for key, row in list(case.database.executions.items()):
        if row.workflow_id.startswith("schedule-"):
            case.database.executions[key] = row._replace(close_time_us=0)


def delete_unasked(case: Case) -> None:
    row = case.closed()
    run = (row.shard_id, row.run_id)
    case.ledger.forgotten.append(Forgotten(row, case.database.history.pop(run), case.database.payloads.pop(run, {})))
    del case.database.executions[run]


CHANGES: dict[Rule, Callable[[Case], Any]] = {
    Rule.START_KEPT: lose_a_run,
    Rule.RUNS_APART: begin_a_run_within_another,
    Rule.SIGNAL_KEPT: lambda case: case.remove(WorkflowExecutionSignaled),
    Rule.SIGNAL_ONCE: lambda case: case.repeat(WorkflowExecutionSignaled),
    Rule.UPDATE_KEPT: lambda case: case.remove(WorkflowExecutionUpdateAccepted),
    Rule.UPDATE_REJECTED: tell_a_rejection,
    Rule.RESET_KEPT: answer_a_reset_with_another_run,
    Rule.CANCEL_KEPT: forget_a_cancellation,
    Rule.TERMINATE_KEPT: end_a_termination_otherwise,
    Rule.TASK_KEPT: lambda case: case.remove(WorkflowTaskCompleted),
    Rule.TASK_FAILURE: lambda case: case.change(WorkflowTaskFailed, cause="NON_DETERMINISTIC_ERROR"),
    Rule.RESULT_KEPT: lambda case: case.change(ActivityTaskCompleted, result=b"other"),
    Rule.UNASKED: lambda case: case.change(WorkflowExecutionSignaled, signal_name="other"),
    Rule.REFUSED: refuse_what_took_effect,
    Rule.ANSWERED_ONCE: answer_twice,
    Rule.OUTCOME_TRUE: tell_another_outcome,
    Rule.OUTCOME_ALLOWED: cancel_unasked,
    Rule.ATTEMPT_RECORDED_ONCE: lambda case: case.repeat(ActivityAttemptFailed),
    Rule.ATTEMPT_KNOWN: run_an_attempt_too_many,
    Rule.HANDED_OUT_ONCE: hand_out_again,
    Rule.AFTER_SUCCESS: hand_out_after_success,
    Rule.HEARTBEAT_KEPT: hand_out_with_other_details,
    Rule.AT_MOST_ONCE: run_twice_what_may_run_once,
    Rule.TASK_STARTED: lose_an_execution,
    Rule.TASKS_APART: begin_an_execution_within_another,
    Rule.TASK_CLOSED_ONCE: lambda case: case.rewrite_task(
        lambda write: write.row is not None and write.row.close_time_us > 0, lambda write: [write, write]
    ),
    Rule.NOT_BEFORE: give_out_early,
    Rule.RATE: lambda case: fill_the_queue(case, rate=0.1),
    Rule.CONCURRENCY: lambda case: fill_the_queue(case, concurrency=-1),
    Rule.HELD: lambda case: fill_the_queue(case, is_paused=True),
    Rule.LISTED: list_one_twice,
    Rule.SCHEDULED_ONCE: schedule_otherwise,
    Rule.SCHEDULED_ALL: schedule_otherwise,
    Rule.SCHEDULED_APART: end_no_scheduled_run,
    Rule.CHAIN: lambda case: case.change(WorkflowExecutionContinuedAsNew, new_execution_run_id=OTHER_RUN),
    Rule.CHILD_ONCE: lambda case: case.change(ChildWorkflowExecutionStarted, run_id=OTHER_RUN),
    Rule.CHILD_TOLD: lambda case: case.change(ChildWorkflowExecutionCompleted, result=b"other"),
    Rule.PARENT_CLOSED: abandon_every_child,
    Rule.SENT_ONCE: know_of_no_arrival,
    Rule.ROWS: lose_a_row,
    Rule.CONTENT: lose_content,
    Rule.LEGAL: lambda case: case.change(TimerStarted, start_to_fire_timeout_ms=-1),
    Rule.REPLAY: lambda case: case.change(ActivityTaskScheduled, activity_type="other"),
    Rule.STATE: lambda case: case.remove(TimerStarted),
    Rule.SNAPSHOT: forget_in_a_snapshot,
    Rule.STATUS: reopen_a_row,
    Rule.DELETED: delete_unasked,
    Rule.VISIBLE: list_as_open,
    Rule.DEAD_LETTER: set_aside,
}
"""What is changed, so that a rule is broken."""

OF_THE_WORLD = {
    Rule.CURSOR,
    Rule.LIVENESS,
    Rule.LEFT_BEHIND,
    Rule.GRACEFUL_STOP,
    Rule.PROCESS_DIED,
    Rule.UNEXPECTED,
}
"""Rules that the world and its processes watch over themselves."""


@pytest.mark.parametrize("rule", CHANGES, ids=lambda rule: rule.name)
def test_a_rule_that_is_broken_is_named(right: Case, rule: Rule) -> None:
    case = copy.deepcopy(right)
    CHANGES[rule](case)
    found = {finding.rule for finding in audit(case.database, case.ledger, MODELS)}
    assert rule in found


def test_every_rule_is_broken_once() -> None:
    assert set(Rule) - OF_THE_WORLD == set(CHANGES)


def test_what_is_meant_to_be_set_aside_may_be(right: Case) -> None:
    assert all(POISON.encode() in letter.data for letter in right.database.dead_letters.values())
    assert not any(ask.request.workflow_id.startswith(POISON) for ask in Case.asks(right, StartWorkflow))
