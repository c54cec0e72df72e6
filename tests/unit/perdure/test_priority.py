"""Priority, fairness and cost."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.common import Priority
from perdure.protocol.fairness import Fairness


def test_what_nobody_asked_for_does_not_travel() -> None:
    assert Priority.default.to_fairness(None) is None
    assert Priority(2).to_fairness(None) is None
    assert Priority(fairness_key="", fairness_weight=1.0, cost=1).to_fairness(None) is None


def test_what_is_left_out_is_inherited() -> None:
    tenant = Fairness("acme", 2_500, 3)
    assert Priority.default.to_fairness(tenant) is tenant
    assert Priority(cost=9).to_fairness(tenant) == Fairness("acme", 2_500, 9)
    assert Priority(fairness_key="other").to_fairness(tenant) == Fairness("other", 2_500, 3)
    assert Priority(fairness_weight=0.5).to_fairness(None) == Fairness("", 500, 1)
    assert Priority(fairness_key="", fairness_weight=1, cost=1).to_fairness(tenant) is None


@pytest.mark.parametrize(
    "priority", [Priority(), Priority(1), Priority(5, "acme", 0.5, 7), Priority(fairness_key="acme"), Priority(cost=2)]
)
def test_a_priority_comes_back(priority: Priority) -> None:
    assert Priority.from_data(priority.priority_key or 3, priority.to_fairness(None)) == priority


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"priority_key": 0}, "from 1"),
        ({"fairness_weight": 0}, r"from 0\.001 to 1000"),
        ({"fairness_weight": 1001}, r"from 0\.001 to 1000"),
        ({"fairness_key": "k" * 256}, "256 characters"),
        ({"fairness_key": "a\0"}, "NUL"),
        ({"cost": 0}, "from 1 to"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Priority(**fields)


def test_other_types_are_refused() -> None:
    for fields in ({"priority_key": "1"}, {"fairness_key": 7}, {"cost": 1.5}):
        with pytest.raises(TypeError):
            Priority(**fields)
