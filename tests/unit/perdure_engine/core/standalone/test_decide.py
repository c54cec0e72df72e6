"""Who decides what."""

from __future__ import annotations

import pytest

from perdure.protocol.requests import StartActivity
from perdure_engine.core.standalone.decide import decide, decide_timer
from perdure_engine.core.state import Bug
from perdure_engine.core.transition import TimerKind
from tests.unit.perdure_engine.core.standalone.executions import Audited, completed, request


def test_a_closed_one_is_not_for_the_machines() -> None:
    said = Audited()
    said.decide(completed(said))
    with pytest.raises(Bug, match="is closed"):
        decide(said.execution, completed(said), said.now_us)


def test_there_is_no_machine_for_everything() -> None:
    said = Audited()
    with pytest.raises(Bug, match=f"no machine decides {StartActivity.__name__}"):
        decide(said.execution, request(), said.now_us)
    with pytest.raises(Bug, match="no machine for a timer of kind 1"):
        decide_timer(said.execution, TimerKind.USER, 1, said.now_us)


def test_a_stale_timer_does_nothing() -> None:
    said = Audited()
    assert not decide_timer(said.execution, TimerKind.ACTIVITY_RETRY, 7, said.now_us).effects
    said.decide(completed(said))
    assert not decide_timer(said.execution, TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, 0, said.now_us).effects
