"""What an attacker, a bug or a bad cable makes of a message: strategies that spoil one that was valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
from hypothesis import strategies as st

DEEP = (40, 300, 990, 1015)
"""Levels of nesting: below every limit, beyond that of `repr`, and just below what msgpack itself refuses."""

LONG = 200_000
"""Characters or bytes of a value that is too long to be quoted in an error."""


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


_ODD_LEAVES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: 2**64 - 1,
    lambda: 2**63,
    lambda: -(2**63),
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: "\0",
    lambda: "x" * LONG,
    lambda: b"\xff" * LONG,
    list,
    dict,
    lambda: {"a": [{}]},
    lambda: msgpack.ExtType(5, b"\0"),
    lambda: msgpack.Timestamp(2**33, 1),
    *((lambda levels=levels: nested(levels)) for levels in DEEP),
]

odd_leaves: st.SearchStrategy[Any] = st.sampled_from(_ODD_LEAVES).map(lambda make: make())


@st.composite
def spoiled_tree(draw: st.DrawFn, whole: Any) -> Any:
    """A decoded message with something odd in the place of a value, at any depth; or one value more, or one less."""
    if not isinstance(whole, list | tuple) or not whole or draw(st.integers(0, 5)) == 0:
        return draw(odd_leaves)
    items = list(whole)
    place = draw(st.integers(0, len(items) - 1))
    match draw(st.sampled_from(["into", "into", "into", "drop", "twice"])):
        case "drop":
            del items[place]
        case "twice":
            items.insert(place, items[place])
        case _:
            items[place] = draw(spoiled_tree(items[place]))
    return items


@st.composite
def spoiled_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a message after a tree was spoiled, bytes were flipped, cut off, doubled, or a length was raised."""
    match draw(st.sampled_from(["tree", "tree", "tree", "flip", "cut", "twice", "length"])):
        case "tree":
            packed: bytes = msgpack.packb(draw(spoiled_tree(msgpack.unpackb(data, use_list=True))))
            return packed
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "twice":
            return data + data
        case "length":
            place = draw(st.integers(0, len(data)))
            header = draw(st.sampled_from([b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xdc"]))
            return data[:place] + header + b"\xff\xff\xff\xff" + data[place:]
        case _:
            place = draw(st.integers(0, max(0, len(data) - 1)))
            return data[:place] + bytes((draw(st.integers(0, 255)),)) + data[place + 1 :]
