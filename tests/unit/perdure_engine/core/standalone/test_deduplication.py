"""How a start is to run once: the rules. (Through an engine: `history/test_standalone.py`.)"""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.activity_executions import Deduplicate, DeduplicationMode as Mode
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Outcome, Started
from perdure_engine.core.standalone.start import follow, start
from perdure_engine.core.transition import Transition
from tests.unit.perdure_engine.core.standalone.executions import (
    BEGIN_US,
    RUN_ID,
    SECOND_US,
    Audited,
    completed,
    refusal,
    request,
)

WINDOW_MS = 5_000


def asked(mode: Mode, order: int, data: bytes = b"in", **fields: Any) -> Any:
    window_ms = 0 if mode == Mode.LATEST else WINDOW_MS
    return request(
        input=data, request_id=f"call {order}", deduplication=Deduplicate(int(mode), window_ms, order), **fields
    )


def again(said: Audited, mode: Mode, order: int, data: bytes = b"in", **fields: Any) -> Transition:
    """Another start, which finds this execution."""
    transition = Transition()
    assert start(asked(mode, order, data, **fields), RUN_ID, 3, said.execution, said.now_us, transition) is None
    return said._carry_out(transition)


def is_started_after(said: Audited, mode: Mode, order: int) -> bool:
    transition = Transition()
    return start(asked(mode, order), RUN_ID, 3, said.execution, said.now_us, transition) is not None


@pytest.mark.parametrize("mode", [Mode.REJECT, Mode.THROTTLE])
def test_the_first_of_a_window_runs_and_the_others_do_not(mode: Mode) -> None:
    said = Audited(asked(mode, 1))
    existing = Started(said.execution.activity_run_id, False)

    def is_turned_away(order: int) -> None:
        transition = again(said, mode, order)
        if mode == Mode.THROTTLE:
            assert transition.reply_body == existing
        else:
            error = refusal(transition)
            assert (error.code, error.run_id) == (ErrorCode.ALREADY_STARTED, existing.run_id)

    is_turned_away(2)
    said.now_us += 2 * WINDOW_MS * 1000
    is_turned_away(3)  # it runs still
    said.now_us = BEGIN_US + SECOND_US
    said.decide(completed(said))
    is_turned_away(4)
    said.now_us = BEGIN_US + WINDOW_MS * 1000
    assert is_started_after(said, mode, 5)


def test_the_last_of_a_debounce_runs_once_it_has_been_quiet() -> None:
    said = Audited(asked(Mode.DEBOUNCE, 1, b"first"))
    assert not said.entry
    for order in (2, 3):
        said.now_us += 4 * SECOND_US
        transition = again(said, Mode.DEBOUNCE, order, b"call %d" % order, activity_type="other")
        assert transition.reply_body == Started(said.execution.activity_run_id, False)
        assert len(said.timers) == 1
    said.fire()
    assert said.now_us == BEGIN_US + 8 * SECOND_US + WINDOW_MS * 1000
    assert (said.task.input, said.task.activity_type) == (b"call 3", "other")


def test_a_call_that_comes_again_takes_the_place_of_no_later_one() -> None:
    said = Audited(asked(Mode.DEBOUNCE, 1))
    again(said, Mode.DEBOUNCE, 3, b"later")
    again(said, Mode.DEBOUNCE, 2, b"earlier")
    again(said, Mode.DEBOUNCE, 3, b"again")
    assert said.execution.attributes.input == b"later"
    again(said, Mode.DEBOUNCE, 1, b"of another", identity="somebody else")
    assert said.execution.attributes.input == b"of another"


def test_what_comes_while_it_runs_waits_and_the_latest_follows() -> None:
    said = Audited(asked(Mode.LATEST, 1))
    for order in (2, 3):
        transition = again(said, Mode.LATEST, order, b"call %d" % order)
        assert transition.reply_body == Started(said.execution.activity_run_id, False)
    kept = said.execution.deduplicated
    assert kept is not None
    assert kept.successor is not None
    said.decide(completed(said))
    execution = follow(kept.successor, said.execution, said.now_us, Transition())
    assert execution.attributes.input == b"call 3"
    assert execution.number > said.execution.number
    assert execution.deduplicated is not None
    assert execution.deduplicated.orders == {"client": 3}


def test_a_debounce_that_finds_it_running_begins_another_window_afterwards() -> None:
    said = Audited(asked(Mode.DEBOUNCE, 1))
    said.fire()
    again(said, Mode.DEBOUNCE, 2, b"late")
    kept = said.execution.deduplicated
    assert kept is not None
    assert kept.successor is not None
    said.decide(completed(said))
    execution = follow(kept.successor, said.execution, said.now_us, Transition())
    assert execution.attempt_scheduled_time_us == said.now_us + WINDOW_MS * 1000


@pytest.mark.parametrize("mode", [Mode.DEBOUNCE, Mode.LATEST])
def test_a_closed_one_makes_room_but_for_calls_that_come_again(mode: Mode) -> None:
    said = Audited(asked(mode, 5))
    said.execution.outcome = Outcome("", ExecutionStatus.COMPLETED)
    assert not is_started_after(said, mode, 4)
    assert is_started_after(said, mode, 6)


def test_one_that_was_started_otherwise_can_be_followed() -> None:
    said = Audited()
    again(said, Mode.LATEST, 1)
    assert said.kept
    assert said.execution.deduplicated is not None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (request(deduplication=Deduplicate(9, 1, 1)), "no deduplication mode 9"),
        (request(deduplication=Deduplicate(1, -1, 1)), "the window of its deduplication"),
        (request(deduplication=Deduplicate(3, 0, 1)), "its debounce needs a window"),
        (request(request_id="", deduplication=Deduplicate(1, 1, 1)), "an activity id of the caller's own"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Any, words: str) -> None:
    transition = Transition()
    assert start(wrong, RUN_ID, 3, None, BEGIN_US, transition) is None
    assert words in refusal(transition).message
