"""User timers: started, then fired or cancelled, never both."""

from __future__ import annotations

from perdure.protocol.commands import CancelTimer, StartTimer
from perdure_engine.core.decide import decide_timer
from perdure_engine.core.timer import start_problem
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind
from tests.unit.perdure_engine.core.runs import SECOND_US, START_US, go_on, names, running, signal


def test_what_a_timer_must_say() -> None:
    assert start_problem(StartTimer("nap", 0)) is None
    long = start_problem(StartTimer("nap", 0, "x" * 401)) or ""
    assert long.startswith("the summary of timer 'nap' has 401 characters; the limit is 400")
    assert start_problem(StartTimer("", 1)) == "timer id must not be empty"
    assert (start_problem(StartTimer("nap", -1)) or "").startswith("the duration of timer 'nap' is -1 ms")


def test_a_timer_fires_once() -> None:
    run = running(StartTimer("nap", 1_000), StartTimer("other", 1_000))
    run.now_us += SECOND_US
    assert names(run.fire(min(run.timers))) == ["TIMER_FIRED", "WORKFLOW_TASK_SCHEDULED"]
    again = decide_timer(run.state, TimerKind.USER, 5, 0, run.now_us)
    assert not again.records
    assert not again.effects
    assert list(run.state.timers) == ["other"]


def test_a_firing_in_the_buffer_is_taken_back_by_a_cancellation() -> None:
    run = running(StartTimer("nap", 1_000), StartTimer("other", 1_000))
    signal(run)
    run.now_us += SECOND_US
    for row in run.due():
        assert not run.fire(row).records
    assert not decide_timer(run.state, TimerKind.USER, 5, 0, run.now_us).records
    transition = go_on(run, CancelTimer("nap"))
    assert names(transition)[2:] == ["TIMER_CANCELED", "TIMER_FIRED", "WORKFLOW_TASK_SCHEDULED"]
    assert not any(isinstance(effect, ClearTimer) for effect in transition.effects)


def test_a_timer_is_cleared_as_it_was_set() -> None:
    run = running(StartTimer("nap", 1_000))
    assert (START_US + SECOND_US, TimerKind.USER, 5) in run.timers
    signal(run)
    assert ClearTimer(START_US + SECOND_US, TimerKind.USER, 5) in go_on(run, CancelTimer("nap")).effects


def test_a_timer_of_no_time_is_due_at_once() -> None:
    run = running()
    signal(run)
    assert SetTimer(START_US, TimerKind.USER, 9) in go_on(run, StartTimer("nap", 0)).effects
    assert run.due()
