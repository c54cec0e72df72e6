"""Bugs of activities without a workflow: starts, ids, attempts, their times, ends, and lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.protocol.activity_executions import StartActivity, TerminateActivity
from perdure.protocol.failure import Failure, RetryState
from perdure.protocol.replies import ExecutionStatus
from perdure_engine.core.attempt import retry_state
from perdure_engine.core.standalone import attempt, control, decide, reports, start
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase, ActivityState
from perdure_engine.core.transition import Transition
from perdure_engine.frontend import activity_lists
from perdure_engine.history.standalone import StandaloneActivities
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario
from tests.simulation.task_plans import TASKS


def _with_tasks(scenario: Scenario) -> Scenario:
    """Little else happens, and there is no night."""
    return replace(scenario, workflows=scenario.workflows[:3], tasks=tuple(range(2 * TASKS)), has_night=False)


@planted(Rule.TASK_STARTED, sharpen=_with_tasks)
def begin_an_activity_for_each_repetition(patch: pytest.MonkeyPatch) -> None:
    """A start that is repeated is taken for another one of the same id."""
    patch.setattr(StandaloneActivities, "_repeated", lambda self, *about: None)


@planted(Rule.TASKS_APART, sharpen=_with_tasks)
def overlook_the_reuse_policy(patch: pytest.MonkeyPatch) -> None:
    """An activity id may be used again, whatever its policy says and whatever became of the execution before."""
    settle = start._settle_conflict

    def overlook(request: StartActivity, last: start.Known, transition: Transition) -> bool:
        return last.status != ExecutionStatus.RUNNING or settle(request, last, transition)

    patch.setattr(start, "_settle_conflict", overlook)


@planted(Rule.TASK_CLOSED_ONCE, sharpen=_with_tasks)
def count_no_retry_of_a_task(patch: pytest.MonkeyPatch) -> None:
    """The attempt after a failure has the number of the one that failed."""
    begin = attempt.begin

    def begin_again(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
        execution.attempt = max(1, execution.attempt - 1)
        begin(execution, now_us, transition)

    patch.setattr(attempt, "begin", begin_again)


@planted(Rule.UNASKED, Rule.RESULT_KEPT, seed=9, sharpen=_with_tasks)
def count_a_zombie_of_a_task(patch: pytest.MonkeyPatch) -> None:
    """What a worker says counts for the attempt that is out, whichever it had."""

    def is_out(execution: ActivityExecution, attempt: int, now_us: int) -> bool:
        return execution.phase != ActivityPhase.RESOLVED

    patch.setattr(reports, "is_out", is_out)


@planted(Rule.NOT_BEFORE, sharpen=_with_tasks)
def forget_the_start_delay(patch: pytest.MonkeyPatch) -> None:
    """What is to begin later goes to its task queue at once."""
    patch.setattr(start, "begin", lambda execution, now_us, transition: attempt.dispatch(execution, transition))


@planted(Rule.AT_MOST_ONCE, seed=3, sharpen=_with_tasks)
def try_a_task_again_that_may_run_once(patch: pytest.MonkeyPatch) -> None:
    """The limit of attempts is not looked at."""

    def overlook_limit(activity: ActivityState, failure: Failure, next_us: int) -> RetryState:
        state = retry_state(activity, failure, next_us)
        return RetryState.IN_PROGRESS if state == RetryState.MAXIMUM_ATTEMPTS_REACHED else state

    patch.setattr(attempt, "retry_state", overlook_limit)


@planted(Rule.TERMINATE_KEPT, sharpen=_with_tasks)
def forget_the_end_of_a_task(patch: pytest.MonkeyPatch) -> None:
    """A request to end an activity at once is acknowledged, and its worker told; the activity goes on."""

    def terminate(
        execution: ActivityExecution, request: TerminateActivity, now_us: int, transition: Transition
    ) -> None:
        transition.answer()
        control.tell(execution, transition, wanted=False)

    patch.setitem(decide.DECIDED, TerminateActivity, terminate)


@planted(Rule.LISTED, sharpen=_with_tasks)
def skip_rows_between_pages(patch: pytest.MonkeyPatch) -> None:
    """A page of a list leaves out what began within a minute before the last one of the page before."""

    place = activity_lists._place

    def place_after(token: bytes) -> tuple[int, str]:
        number, run_id = place(token)
        return number - 60_000, run_id

    patch.setattr(activity_lists, "_place", place_after)
