"""Signatures: what they come to as data, how they combine, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks import chain, chord, group
from perdure.tasks.canvas import Chain, Chord, Group, Mapped, Signature
from perdure.tasks.canvas.plan import Packing
from tests.unit.perdure.tasks.chores import add, carry, drop


def packed(signature: Signature) -> Any:
    return signature.pack(Packing(), False)


def test_what_comes_before_goes_before_the_arguments() -> None:
    node = packed(add.s(1, 2) | add.s(b=3) | add.s() | add.si(4))
    assert [(link["args"], link["takes"]) for link in node["of"]] == [
        ([1, 2], False),
        ([3], True),
        ([], True),
        ([4], False),
    ]


def test_pipes_make_chains_and_chords() -> None:
    three = add.s(1) | (add.s(2) | add.s(3))
    assert isinstance(three, Chain)
    assert [link.description for link in three.links] == ["add"] * 3
    pair = group(add.s(1), add.s(2))
    total = pair | add.s(3)
    assert isinstance(total, Chord)
    longer = add.s(0) | pair | add.s(3) | add.s(4)
    assert isinstance(longer, Chain)
    assert [link.description for link in longer.links] == ["add", "chord of 2", "add"]
    assert chain([add.s(1)]).description == "add"
    assert chord(pair, add.s(1)).queue == "default"
    assert add.s(1).set(queue="slow", time_limit=5).queue == "slow"


def test_it_says_what_it_results_in() -> None:
    assert (add.s(1) | carry.s()).result_type is carry.s().result_type
    assert chord([add.s(1)], add.s()).result_type is int
    assert add.map([1]).result_type == list[int]
    assert add.chunks([(1, 2)] * 5, 2).members[2].result_type == list[int]
    assert group(add.s(1)).result_type is None


def test_chunks_are_of_the_size_that_is_said() -> None:
    pieces = add.chunks(((number, 1) for number in range(7)), 3)
    assert isinstance(pieces, Group)
    assert [len(piece.items) for piece in pieces.members if isinstance(piece, Mapped)] == [3, 3, 1]


def test_what_does_not_fit_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match=r"'add' does not take .* too many positional .* result before it is its first"):
        packed(add.s(1) | add.s(2, 3))
    with pytest.raises(TypeError, match="missing a required argument"):
        packed(chain(add.s(1), drop.si()))  # type: ignore[call-arg]
    for with_bytes in (drop.s(b"it") | add.si(1), drop.map([b"it"])):
        with pytest.raises(TypeError, match=r"the task 'drop' is given bytes; the arguments .* travel as JSON"):
            packed(with_bytes)
    with pytest.raises(TypeError, match=r"made of signatures, such as task\.s\(1, 2\); 3 is none"):
        group(add.s(1), 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unsupported operand"):
        add.s(1) | 3  # type: ignore[operator]
    with pytest.raises(ValueError, match="a group needs a signature at least"):
        group()
    with pytest.raises(ValueError, match="the size of a chunk is 0"):
        add.chunks([(1, 2)], 0)
