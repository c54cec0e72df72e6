"""A run's sources of chance."""

from __future__ import annotations

from perdure.execution.chance import Chance, seed_of


def test_chance_comes_from_the_run_id() -> None:
    assert Chance("a").own.random() == Chance("a").own.random()
    assert seed_of("a") != seed_of("b")


def test_looking_draws_from_elsewhere() -> None:
    chance, other = Chance("a"), Chance("a")
    assert chance.aside is chance.aside
    assert chance.aside.random() != Chance("a").own.random()
    assert chance.own.random() == other.own.random()
