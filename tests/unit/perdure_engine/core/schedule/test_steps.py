"""How a schedule goes on: what becomes due, what is decided, what came of it, and when there is something to do."""

from __future__ import annotations

import pytest

from perdure.protocol.failure import Failure
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.schedule import Execution, OverlapPolicy, ScheduleState
from perdure_engine.core.schedule import steps
from perdure_engine.core.schedule.progress import BUFFER_MAX, Ending, Ongoing, Progress, Running, Start, Starting
from perdure_engine.core.schedule.steps import advanced, closed, decided, look_us, next_times, started, waits
from tests.unit.perdure_engine.core.schedule.schedules import BEGAN_US, EVERY_US, SECOND_US, at, fresh, plan

RUN = Running("job-1", "run", "run")
PAUSED = ScheduleState(paused=True)


def nominals(progress: Progress) -> list[int]:
    return [start.nominal_us for start in progress.due]


# Time passes ----------------------------------------------------------------------------------------------------------


def test_what_has_passed_is_due_once() -> None:
    progress = advanced(plan(), fresh(), at(2) + 1)
    assert progress.due == (Start(at(1), at(1)), Start(at(2), at(2)))
    assert advanced(plan(), progress, at(3) - 1) == progress
    assert advanced(plan(), fresh(), at(1) - 1) == fresh()


def test_a_late_action_is_due_when_its_jitter_is_over() -> None:
    late = plan(jitter_us=8 * SECOND_US)
    moment = late.times.after(BEGAN_US)
    assert moment is not None
    assert moment.actual_us > moment.nominal_us == at(1)
    assert not advanced(late, fresh(), moment.actual_us - 1).due
    assert advanced(late, fresh(), moment.actual_us).due == (Start(*moment),)


def test_what_is_too_late_is_missed() -> None:
    progress = advanced(plan(catchup_window_us=15 * SECOND_US), fresh(), at(5))
    assert (nominals(progress), progress.counts.missed) == ([at(4), at(5)], 3)
    assert advanced(plan(catchup_window_us=0), fresh(), at(1)).due


def test_a_long_absence_is_made_up_for_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOMENTS_MAX", 3)
    progress = advanced(plan(), fresh(), at(8))
    assert (nominals(progress), look_us(plan(), progress, at(8))) == ([at(1), at(2), at(3)], at(8))
    assert nominals(advanced(plan(), progress, at(8)))[3:] == [at(4), at(5), at(6)]
    short = plan(catchup_window_us=EVERY_US)
    progress = advanced(short, fresh(), at(50))
    assert (progress.counts.missed, progress.seen_us) == (3, at(49))
    assert nominals(advanced(short, progress, at(50))) == [at(50)]


def test_there_is_no_room_for_more_than_a_thousand() -> None:
    progress = advanced(plan(), fresh(), at(BUFFER_MAX))
    progress = advanced(plan(), progress, at(BUFFER_MAX + 3))
    assert (len(progress.due), progress.counts.dropped) == (BUFFER_MAX, 3)


def test_what_passes_during_a_pause_is_gone() -> None:
    for state in (PAUSED, ScheduleState(limited=True)):
        progress = advanced(plan(), fresh(state), at(5))
        assert (progress.due, progress.seen_us) == ((), at(5))
        assert look_us(plan(), progress, at(5)) is None
        assert nominals(advanced(plan(), progress._replace(state=ScheduleState()), at(6))) == [at(6)]


def test_what_was_before_an_update_was_another_schedules() -> None:
    progress = advanced(plan(), fresh()._replace(updated_us=at(2)), at(3))
    assert nominals(progress) == [at(3)]


def test_a_backfill_fills_the_room_that_there_is() -> None:
    backfill = Ongoing(at(-BUFFER_MAX), at(500), OverlapPolicy.BUFFER_ALL, "asked")
    paused = fresh(PAUSED)._replace(backfills=(backfill, backfill._replace(origin="again")))
    progress = advanced(plan(), paused, at(0))
    assert (len(progress.due), len(progress.backfills)) == (BUFFER_MAX, 2)
    assert progress.due[0] == Start(at(1 - BUFFER_MAX), at(1 - BUFFER_MAX), OverlapPolicy.BUFFER_ALL, True, "asked")
    assert advanced(plan(), progress, at(0)) == progress
    progress = advanced(plan(), progress._replace(due=()), at(0))
    assert (len(progress.due), len(progress.backfills)) == (500, 1)
    assert look_us(plan(), progress._replace(due=()), at(0)) == at(0)


# What is decided ------------------------------------------------------------------------------------------------------


def test_an_action_that_is_due_is_to_be_taken() -> None:
    progress = decided(plan(), advanced(plan(), fresh(), at(2)))
    assert progress.starting == (Starting(Start(at(1), at(1)), True),)
    assert (progress.due, progress.counts.skipped) == ((), 1)
    assert decided(plan(), progress._replace(due=(Start(1, 1),))).due == (Start(1, 1),)


def test_limited_actions_are_counted_when_they_are_decided() -> None:
    limited = ScheduleState(limited=True, remaining=2)
    all_ = plan(overlap=OverlapPolicy.ALLOW_ALL)
    progress = decided(all_, advanced(all_, fresh(limited), at(3)))
    assert ([start.nominal_us for start, _ in progress.starting], progress.state.remaining) == ([at(1), at(2)], 0)
    assert progress.token == 2
    manual = Start(7, 7, manual=True, origin="asked")
    again = decided(all_, progress._replace(starting=(), due=(manual, Start(8, 8))))
    assert again.starting == (Starting(manual, False),)


def test_a_pause_takes_back_what_was_due_by_itself() -> None:
    manual = Start(at(2), at(2), manual=True)
    progress = decided(plan(overlap=OverlapPolicy.ALLOW_ALL), fresh(PAUSED)._replace(due=(Start(1, 1), manual)))
    assert progress.starting == (Starting(manual, False),)


@pytest.mark.parametrize("terminate", [False, True])
def test_what_runs_is_asked_to_end_once(terminate: bool) -> None:
    policy = OverlapPolicy.TERMINATE_OTHER if terminate else OverlapPolicy.CANCEL_OTHER
    beside = Running("other", "beside", "beside", counts=False)
    progress = fresh()._replace(running=(RUN, beside), due=(Start(1, 1),))
    progress = decided(plan(overlap=policy), progress)
    assert progress.ending == (Ending("job-1", "run", "run", terminate),)
    assert look_us(plan(), progress, at(0)) == at(0)
    progress = steps.ended(progress, progress.ending[0])
    assert not decided(plan(overlap=policy), progress).ending
    assert [run.asked for run in progress.running] == [1 + terminate, 0]


# What came of it ------------------------------------------------------------------------------------------------------


def test_an_action_that_was_taken() -> None:
    progress = decided(plan(), advanced(plan(), fresh(), at(1)))
    [(start, _)] = progress.starting
    progress = started(progress, start, Execution("job-1", "run"), at(1) + 5, is_watched=False)
    assert (progress.starting, progress.running, progress.counts.taken) == ((), (RUN,), 1)
    assert [(taken.scheduled_us, taken.taken_us) for taken in progress.recent] == [(at(1), at(1) + 5)]


def test_what_runs_beside_others_is_known_if_its_end_matters() -> None:
    start = Start(1, 1)
    progress = fresh()._replace(starting=(Starting(start, False),))
    assert not started(progress, start, Execution("w", "r"), 2, is_watched=False).running
    [run] = started(progress, start, Execution("w", "r"), 2, is_watched=True).running
    assert not run.counts


def test_no_more_is_watched_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "RUNNING_MAX", 2)
    progress = fresh()._replace(running=(RUN, RUN._replace(run_id="b", first_run_id="b", counts=False)))
    progress = started(progress, Start(1, 1), Execution("w", "c"), 2, is_watched=True)
    assert [run.run_id for run in progress.running] == ["run", "c"]


def test_an_action_that_cannot_be_taken_is_given_up() -> None:
    progress = fresh()._replace(starting=(Starting(Start(1, 1), True), Starting(Start(2, 2), False)))
    progress = steps.refused(progress, Start(1, 1), "why")
    assert (progress.starting, progress.last_error) == ((Starting(Start(2, 2), False),), "why")


def test_a_run_that_goes_on_as_another_one() -> None:
    progress = steps.went_on(fresh()._replace(running=(RUN._replace(asked=1),)), RUN, "next")
    assert progress.running == (Running("job-1", "run", "next"),)
    assert not closed(plan(), progress, progress.running[0], None).running


@pytest.mark.parametrize(
    ("status", "note"),
    [
        (ExecutionStatus.FAILED, "paused due to workflow failure: job-1: broken"),
        (ExecutionStatus.TIMED_OUT, "paused due to workflow timeout: job-1: broken"),
        (ExecutionStatus.CANCELED, ""),
        (ExecutionStatus.TERMINATED, ""),
        (ExecutionStatus.COMPLETED, ""),
    ],
)
def test_a_failure_pauses_what_asked_for_that(status: ExecutionStatus, note: str) -> None:
    failure = Failure("broken") if note else None
    outcome = Outcome("run", status, failure=failure)
    before = fresh()._replace(running=(RUN,))
    after = closed(plan(pause_on_failure=True), before, RUN, outcome)
    assert after.state == ScheduleState(note, bool(note))
    assert after.token == 1 + bool(note)
    assert not closed(plan(), before, RUN, outcome).state.paused


def test_results_and_failures_are_kept_for_the_next_one() -> None:
    before = fresh()._replace(running=(RUN,), last_result=b"old", last_failure=Failure("old"))
    done = closed(plan(), before, RUN, Outcome("run", ExecutionStatus.COMPLETED, b"new"))
    assert (done.last_result, done.last_failure) == (b"new", None)
    failed = closed(plan(), before, RUN, Outcome("run", ExecutionStatus.FAILED, failure=Failure("new")))
    assert (failed.last_result, failed.last_failure) == (b"old", Failure("new"))
    gone = closed(plan(), before, RUN, None)
    assert (gone.last_result, gone.running) == (b"old", ())


# When to look again ---------------------------------------------------------------------------------------------------


def test_when_there_is_something_to_do() -> None:
    assert look_us(plan(), fresh(), at(0)) == at(1)
    assert look_us(plan(), fresh()._replace(due=(Start(1, 1),)), at(0)) == at(0)
    blocked = fresh()._replace(due=(Start(1, 1),), running=(RUN,))
    assert look_us(plan(), blocked, at(0)) == at(1)
    assert waits(plan(), blocked)


def test_who_waits_for_an_end() -> None:
    running = fresh()._replace(running=(RUN,))
    assert not waits(plan(), fresh())
    assert not waits(plan(), running)
    assert waits(plan(pause_on_failure=True), running)
    assert waits(plan(), running._replace(backfills=(Ongoing(0, 1, 0, ""),)))


def test_the_next_times() -> None:
    assert next_times(plan(), fresh(), 2) == (at(1), at(2))
    assert next_times(plan(), fresh(PAUSED), 1) == (at(1),)
    assert next_times(plan(), fresh(ScheduleState(limited=True, remaining=1)), 5) == (at(1),)
