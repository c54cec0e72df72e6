"""Schedules: repeatable, varied, and possible."""

from __future__ import annotations

from tests.chaos.faults import Injector
from tests.chaos.schedule import LOSES_REDIS_DATA, RULES, FaultKind, Target, make_schedule


def test_a_seed_gives_the_same_schedule_again() -> None:
    assert make_schedule(7, 120) == make_schedule(7, 120)
    assert make_schedule(7, 120) != make_schedule(8, 120)


def test_every_kind_comes_before_any_comes_twice() -> None:
    schedule = make_schedule(3, 600)
    first = [fault.kind for fault in schedule[: len(FaultKind)]]
    assert sorted(first) == sorted(FaultKind)
    assert len(schedule) > 5 * len(FaultKind)


def test_faults_begin_and_last_as_their_rule_says() -> None:
    for fault in make_schedule(11, 600):
        shortest, longest = RULES[fault.kind].seconds
        assert shortest <= fault.seconds <= longest
        assert 0 < fault.at_seconds < 600
        assert 0 <= fault.choice < 1
        assert -1 <= fault.strength <= 1


def test_only_the_kinds_that_were_asked_for() -> None:
    kinds = [FaultKind.FLUSHALL, FaultKind.KILL_ENGINE]
    assert {fault.kind for fault in make_schedule(1, 60, kinds)} == set(kinds)


def test_every_kind_has_a_rule_and_a_way() -> None:
    assert set(RULES) == set(FaultKind)
    assert Injector.ways() == set(FaultKind)
    assert all(RULES[kind].target is Target.REDIS for kind in LOSES_REDIS_DATA)
