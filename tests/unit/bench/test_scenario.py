"""Scenarios are chosen by their names."""

from __future__ import annotations

import pytest

from bench.scenario import SCENARIOS, SHARD_SCENARIOS, chosen


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("one activity, 1,000 at once", ["one activity, 1,000 at once"]),  # not those with shards, which contain it
        ("task, i", ["task, idle"]),
        ("no such", []),
    ],
)
def test_by_a_name_or_by_a_part_of_it(name: str, names: list[str]) -> None:
    assert [scenario.name for scenario in chosen(name)] == names


def test_all_are_there_and_no_two_have_one_name() -> None:
    assert chosen("") == (*SCENARIOS, *SHARD_SCENARIOS)
    assert len({scenario.name for scenario in chosen("")}) == len(chosen(""))
