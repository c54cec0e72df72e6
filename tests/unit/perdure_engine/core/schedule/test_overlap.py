"""Overlap: what is started, kept, ended and skipped, for every policy."""

from __future__ import annotations

import pytest

from perdure.protocol.schedule import OverlapPolicy as Policy
from perdure_engine.core.schedule.overlap import Moves, moves
from perdure_engine.core.schedule.progress import Start


def due(*policies: Policy) -> list[Start]:
    return [Start(number, number, int(policy)) for number, policy in enumerate(policies or 3 * (Policy.UNSPECIFIED,))]


A, B, C = due()


@pytest.mark.parametrize(
    ("policy", "running", "idle"),
    [
        (Policy.SKIP, Moves(None, (), (), False, False, 3), Moves(A, (), (), False, False, 2)),
        (Policy.BUFFER_ONE, Moves(None, (), (A,), False, False, 2), Moves(A, (), (B,), False, False, 1)),
        (Policy.BUFFER_ALL, Moves(None, (), (A, B, C), False, False, 0), Moves(A, (), (B, C), False, False, 0)),
        (Policy.CANCEL_OTHER, Moves(None, (), (A, B, C), True, False, 0), Moves(C, (), (), False, False, 2)),
        (Policy.TERMINATE_OTHER, Moves(None, (), (A, B, C), False, True, 0), Moves(C, (), (), False, False, 2)),
        (Policy.ALLOW_ALL, Moves(None, (A, B, C), (), False, False, 0), Moves(None, (A, B, C), (), False, False, 0)),
    ],
)
def test_three_that_are_due(policy: Policy, running: Moves, idle: Moves) -> None:
    assert moves(due(), is_running=True, policy=policy) == running
    assert moves(due(), is_running=False, policy=policy) == idle


def test_an_action_may_have_a_policy_of_its_own() -> None:
    a, b, c = due(Policy.BUFFER_ALL, Policy.ALLOW_ALL, Policy.UNSPECIFIED)
    assert moves([a, b, c], is_running=True, policy=Policy.SKIP) == Moves(None, (b,), (a,), False, False, 1)


def test_both_ways_to_end_what_runs() -> None:
    a, b = due(Policy.CANCEL_OTHER, Policy.TERMINATE_OTHER)
    assert moves([a, b], is_running=True, policy=Policy.SKIP) == Moves(None, (), (a, b), True, True, 0)


def test_one_is_buffered_behind_others() -> None:
    a, b = due(Policy.BUFFER_ALL, Policy.BUFFER_ONE)
    assert moves([a, b], is_running=True, policy=Policy.SKIP).kept == (a,)


def test_nothing_is_due() -> None:
    assert moves([], is_running=True, policy=Policy.SKIP) == Moves(None, (), (), False, False, 0)
