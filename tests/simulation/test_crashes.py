"""Engines, workers, servers and connections fail as seeds say; nothing acknowledged is lost, and everything ends."""

from __future__ import annotations

import pytest

from tests.simulation.simulating import simulate

SEEDS = range(1, 31)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_whatever_fails(seed: int) -> None:
    verdict = simulate(seed)
    assert not verdict.wrong, f"seed {seed}, again by `python -m tests.simulation --seed {seed}`: {verdict.wrong}"


def test_a_seed_says_everything() -> None:
    assert simulate(7).trace == simulate(7).trace
