"""`typing.TypedDict`, wherever a type hint leads to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, NotRequired, Required, TypedDict

import pytest

from perdure.converter import DataConverter
from perdure.converter.typed_dicts import adopt_typed_dicts


class Inner(TypedDict):
    day: int


class Options(TypedDict, total=False):
    name: Required[str]
    inner: Inner
    more: list[Inner]


class Mixed(TypedDict):
    always: str
    sometimes: NotRequired[int]


@dataclass
class Holder:
    options: Options


class Row(NamedTuple):
    mixed: Mixed


VALUES = [
    ({"name": "a", "inner": {"day": 1}}, Options),
    ([{"name": "a", "more": [{"day": 1}]}], list[Options]),
    (Holder({"name": "a"}), Holder),
    (Row({"always": "x"}), Row),
    ({"always": "x", "sometimes": 5}, Mixed | None),
]


@pytest.mark.parametrize(("value", "hint"), VALUES)
def test_they_travel(value: Any, hint: Any) -> None:
    converter = DataConverter.default
    assert converter.value_from_bytes(converter.value_to_bytes(value), hint) == value


@pytest.mark.parametrize(("value", "words"), [({}, "name: Field required"), ({"name": "a", "inner": {}}, "inner.day")])
def test_what_does_not_fit_is_refused(value: Any, words: str) -> None:
    converter = DataConverter.default
    with pytest.raises(TypeError, match=words):
        converter.value_from_bytes(converter.value_to_bytes(value), Options)


def test_a_hint_without_any_is_left_alone() -> None:
    assert not adopt_typed_dicts(list[int])
    assert not adopt_typed_dicts(dict[str, Holder | None]) or adopt_typed_dicts(Holder) is False
