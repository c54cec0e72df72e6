"""The tree of a workflow: what is said once, and how large it may be."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks import chord, group
from perdure.tasks.canvas import CanvasTooLarge, Signature
from perdure.tasks.canvas.plan import Packing
from tests.unit.perdure.tasks.chores import add


def packed(signature: Signature) -> Any:
    return signature.pack(Packing(), False)


def test_steps_of_one_task_say_once_what_they_have_in_common() -> None:
    packing = Packing()
    group(add.s(1), add.s(2), add.s(3).set(queue="slow"), add.s(4).set(countdown=5)).pack(packing, False)
    assert [(step.name, step.queue, step.countdown is None) for step in packing.steps] == [
        ("add", "default", True),
        ("add", "slow", True),
        ("add", "default", False),
    ]


def test_too_many_steps_are_refused_with_the_cure() -> None:
    most = group(add.s(1) for _ in range(10_000))
    packed(chord(most, add.si(1)))
    with pytest.raises(CanvasTooLarge, match=r"this group has 10001 steps; it may have 10000\. .* task\.chunks\("):
        packed(group(add.s(1) for _ in range(10_001)))
    with pytest.raises(CanvasTooLarge, match="this map has 10001 steps"):
        packed(add.map(range(10_001)))
    with pytest.raises(CanvasTooLarge, match="more than 20000 steps"):
        packed(group(most, most, add.s(1)))
    with pytest.raises(CanvasTooLarge, match=r"more than 1000 chunks.*Make them larger"):
        packed(add.chunks([(1,)] * 1_001, 1))
    with pytest.raises(CanvasTooLarge, match="this chunk has 10001 steps"):
        packed(add.chunks([(1,)] * 10_001, 10_001))
