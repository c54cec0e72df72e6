"""Workflow tasks for updates alone: written down only if something comes of them, and never lost with their updates."""

from __future__ import annotations

from perdure.protocol.replies import ReplyKind, TaskDropped
from perdure_engine.core import speculation
from perdure_engine.core.transition import Dispatch, Retire, Transition
from tests.unit.perdure_engine.core.runs import begun, break_down, go_on, names, running, signal
from tests.unit.perdure_engine.core.test_update import accept, reject, sent, update


def dispatched(transition: Transition) -> list[Dispatch]:
    return [effect for effect in transition.effects if isinstance(effect, Dispatch)]


def test_a_task_whose_updates_are_all_rejected_never_was() -> None:
    run = running()
    length, completed = run.state.next_event_id, run.state.last_completed_event_id
    update(run)
    transition = go_on(run, reject())
    assert (transition.reply_kind, transition.reply_body) == (ReplyKind.OK, TaskDropped(completed))
    assert not transition.records
    assert not any(isinstance(effect, Retire) for effect in transition.effects)
    assert (run.state.next_event_id, run.state.workflow_task) == (length, None)


def test_a_completion_of_a_task_that_never_was_means_no_other() -> None:
    run = running()
    update(run)
    [(key, first)] = run.tasks.items()
    go_on(run, reject())
    update(run, "u2")
    [(again, second)] = run.tasks.items()
    assert (key, first.attempt != second.attempt) == (again, True)
    assert go_on(run, accept(), attempt=first.attempt).reply_kind == ReplyKind.ERROR


def test_an_event_makes_an_ordinary_task_of_it() -> None:
    run = running()
    update(run)
    transition = signal(run)
    assert names(transition) == ["WORKFLOW_TASK_SCHEDULED"]
    [kept] = dispatched(transition)
    assert (kept.attempt, kept.is_kept, kept.is_published) == (1, True, False)
    assert len(run.state.buffered) == 1


def test_its_worker_is_still_known_by_the_token() -> None:
    run = running()
    update(run)
    [token] = [task.attempt for task in run.tasks.values()]
    signal(run)
    transition = go_on(run, reject(), attempt=token)
    assert "WORKFLOW_TASK_COMPLETED" in names(transition)
    assert transition.reply_body is None


def test_its_failure_is_an_ordinary_one() -> None:
    run = running()
    update(run)
    transition = break_down(run)
    assert names(transition) == ["WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_FAILED"]
    [again] = dispatched(transition)
    assert (again.attempt, again.is_kept) == (2, True)
    assert run.state.admitted["u1"].sent_with == (again.event_id, 2)


def test_an_update_that_comes_again_late_sends_the_task_again() -> None:
    run = running()
    update(run)
    assert not dispatched(update(run))
    run.now_us += speculation.RESEND_AFTER_US
    again = update(run)
    assert sent(again) == []  # the history, and the updates with it, are fetched: its worker may be another
    assert not dispatched(again)[0].worker


def test_before_the_first_task_an_ordinary_one_is_due() -> None:
    run = begun(start_delay_ms=60_000)
    transition = update(run)
    assert names(transition) == ["WORKFLOW_TASK_SCHEDULED"]
    assert sent(transition) == ["u1"]
