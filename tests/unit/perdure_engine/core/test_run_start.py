"""The start of a run: when its first workflow task is due, and when its time is over."""

from __future__ import annotations

import pytest

from perdure.protocol.requests import RequestCancelWorkflow
from perdure_engine.core.run_start import expiration_us, run_timeout_at_us
from perdure_engine.core.transition import TimerKind
from tests.unit.perdure_engine.core.runs import SECOND_US, START_US, begun, go_on, names, signal

CANCEL = RequestCancelWorkflow("default", "order-7", "", "enough", "cancel-1", "client")


@pytest.mark.parametrize(
    ("run_ms", "execution_ms", "delay_ms", "at_ms"),
    [(0, 0, 5_000, None), (7_000, 0, 0, 7_000), (0, 6_000, 0, 6_000), (7_000, 6_000, 5_000, 11_000)],
)
def test_the_shorter_timeout_counts_from_the_end_of_the_delay(
    run_ms: int, execution_ms: int, delay_ms: int, at_ms: int | None
) -> None:
    state = begun(run_timeout_ms=run_ms, execution_timeout_ms=execution_ms, start_delay_ms=delay_ms).state
    assert run_timeout_at_us(state) == (0 if at_ms is None else START_US + at_ms * 1000)
    assert state.first_task_us == START_US + delay_ms * 1000


def test_the_time_of_a_chain_that_is_over_ends_a_run_at_its_start() -> None:
    state = begun(execution_timeout_ms=1_000).state
    state.started = state.started._replace(execution_expiration_time_us=START_US - 1)
    assert expiration_us(state) == START_US


def test_a_start_delay_holds_the_first_task_back() -> None:
    run = begun(start_delay_ms=1_000)
    assert not run.tasks
    run.now_us += SECOND_US
    assert names(run.fire(min(run.timers))) == ["WORKFLOW_TASK_SCHEDULED"]


def test_the_end_of_a_delay_that_was_cut_short_is_no_news() -> None:
    run = begun(start_delay_ms=1_000)
    signal(run)
    go_on(run)
    run.now_us += SECOND_US
    transition = run.fire(min(run.timers))
    assert not transition.records
    assert not transition.effects


def test_a_signal_does_not_begin_a_run_before_the_time_of_its_schedule() -> None:
    run = begun(cron_schedule="@every 10s")
    assert names(signal(run)) == ["WORKFLOW_EXECUTION_SIGNALED"]
    assert not run.tasks
    run.now_us += 10 * SECOND_US
    assert names(run.fire(min(run.timers))) == ["WORKFLOW_TASK_SCHEDULED"]


def test_a_cancellation_does_not_wait_for_the_time_of_the_schedule() -> None:
    run = begun(cron_schedule="@every 10s")
    assert names(run.decide(CANCEL)) == ["WORKFLOW_EXECUTION_CANCEL_REQUESTED", "WORKFLOW_TASK_SCHEDULED"]
    assert [row[1] for row in run.timers] == [TimerKind.START_DELAY]
