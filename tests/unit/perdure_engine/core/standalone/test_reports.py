"""What workers say of an attempt."""

from __future__ import annotations

from perdure.protocol.failure import CanceledInfo, TimeoutInfo
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ActivityDirective, ErrorCode, ExecutionStatus
from perdure.protocol.requests import ReportTaskLost, RespondActivityTaskCanceled, RespondActivityTaskDetached
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.transition import DETACHED, KeepWorker
from tests.unit.perdure_engine.core.standalone.executions import (
    MINUTE,
    RUN_ID,
    Audited,
    beat,
    completed,
    failed,
    refusal,
    reported,
    request,
)

WANTED = ActivityDirective(True, False)
NOT_WANTED = ActivityDirective(False, False)


def test_a_plain_completion_is_one_row() -> None:
    said = Audited()
    said.decide(completed(said))
    assert said.kept
    assert not said.execution.is_kept
    assert said.execution.outcome is not None
    assert said.execution.outcome.result == b"out"


def test_another_attempt_is_refused() -> None:
    said = Audited()
    transition = said.decide(completed(said, attempt=2))
    assert refusal(transition).code == ErrorCode.NOT_FOUND
    assert not transition.effects
    assert refusal(said.decide(failed(said, attempt=7))).code == ErrorCode.NOT_FOUND


def test_a_result_over_the_limit_fails_it() -> None:
    said = Audited()
    said.decide(completed(said, b"x" * (PAYLOAD_SIZE_MAX + 1)))
    outcome = said.execution.outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert outcome.failure.message.startswith("the result of activity 'send' came to 2097153 bytes")


def test_a_report_that_it_runs_is_kept_and_its_times_are_watched() -> None:
    said = Audited()
    assert said.decide(reported(said)).reply_body == WANTED
    assert said.timers
    assert said.kept
    assert said.decide(reported(said)).reply_body == WANTED, "the same report again"
    assert said.decide(reported(said, started_time_us=1)).reply_body == NOT_WANTED, "it was begun a second time"
    said.decide(completed(said))


def test_heartbeats_reach_the_next_attempt() -> None:
    said = Audited()
    assert said.decide(beat(said)).reply_body == WANTED
    said.decide(failed(said))
    said.fire()
    assert said.task.heartbeat_details == b"half"


def test_heartbeats_of_another_attempt_mean_nothing() -> None:
    said = Audited()
    said.decide(failed(said))
    assert said.decide(beat(said)).reply_body == NOT_WANTED
    too_much = Audited()
    assert refusal(too_much.decide(beat(too_much, b"x" * (PAYLOAD_SIZE_MAX + 1)))).code == ErrorCode.INVALID_ARGUMENT


def lost(said: Audited, worker: str) -> ReportTaskLost:
    execution = said.execution
    return ReportTaskLost(RUN_ID, TaskKind.ACTIVITY, execution.number, execution.attempt, worker, b"s", b"1-0")


def test_what_its_policy_lets_end_with_its_worker_is_begun_once() -> None:
    policy = RetryPolicyData(non_retryable_error_types=("TemporalTimeout:Heartbeat",))
    said = Audited(request(MINUTE._replace(retry_policy=policy)))
    assert said.task.report_start
    said.decide(failed(said))
    said.fire()
    assert said.task.report_start
    said.decide(reported(said))
    said.decide(lost(said, "worker/1"))
    assert said.execution.status == ExecutionStatus.TIMED_OUT


def test_a_lost_worker_is_followed_by_another_attempt_at_once() -> None:
    said = Audited()
    said.decide(reported(said))
    assert not said.decide(lost(said, "another/2")).effects, "who reported it runs it still"
    said.decide(lost(said, "worker/1"))
    assert said.task.attempt == 2
    assert said.execution.last_failure is not None
    assert isinstance(said.execution.last_failure.info, TimeoutInfo)


def test_a_cancellation_that_nobody_asked_for_is_a_failure_like_others() -> None:
    said = Audited()
    number, attempt = said.execution.number, said.execution.attempt
    said.decide(RespondActivityTaskCanceled(RUN_ID, number, attempt, said.now_us, b"", "w", b"s", b"1-0"))
    assert said.execution.status == ExecutionStatus.RUNNING
    assert said.execution.last_failure is not None
    assert isinstance(said.execution.last_failure.info, CanceledInfo)


def test_what_its_worker_let_go_of_stays_out() -> None:
    said = Audited(request())
    number, attempt = said.execution.number, said.execution.attempt
    letting_go = RespondActivityTaskDetached(RUN_ID, number, attempt, said.now_us, "w", b"s", b"1-0")
    transition = said.decide(letting_go)
    assert KeepWorker(number, 1, DETACHED) in transition.effects
    assert not said.decide(letting_go).effects, "the same again"
    assert not said.decide(lost(said, "w")).effects, "no lease holds it"
    assert refusal(said.decide(letting_go._replace(attempt=9))).code == ErrorCode.NOT_FOUND
    said.decide(completed(said))
