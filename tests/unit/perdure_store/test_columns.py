"""Columns are encoded as psycopg itself would, and refuse what it would refuse."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given, strategies as st
from psycopg import pq
from psycopg.adapt import Transformer

from perdure_store.columns import Column, byteas, int8s, register, repeated_texts, texts, uuids

INT8 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def decoded(column: Column, array_oid: int) -> list[Any]:
    loader = Transformer().get_loader(array_oid, pq.Format.BINARY)
    values: list[Any] = loader.load(column.data)
    return values


@given(st.lists(INT8, max_size=300))
def test_integers(values: list[int]) -> None:
    assert decoded(int8s(values), 1016) == values


@pytest.mark.parametrize("count", [1, 127, 128, 129, 256, 257, 1000])
def test_integers_in_blocks(count: int) -> None:
    values = list(range(count))
    assert decoded(int8s(values), 1016) == values
    assert decoded(int8s([7] * count), 1016) == [7] * count


def test_booleans_are_integers() -> None:
    assert decoded(int8s([True, False]), 1016) == [1, 0]


@given(st.lists(TEXT, max_size=20))
def test_texts(values: list[str]) -> None:
    assert decoded(texts(values), 1009) == values
    assert decoded(repeated_texts(values), 1009) == values
    assert decoded(repeated_texts(values[:1] * 5), 1009) == values[:1] * 5


@given(st.lists(st.binary(), max_size=20))
def test_bytes(values: list[bytes]) -> None:
    assert decoded(byteas(values), 1001) == values


@given(st.lists(st.uuids().map(str), max_size=20))
def test_uuids(values: list[str]) -> None:
    assert decoded(uuids(values), 1009) == values


@pytest.mark.parametrize("values", [[2**63], [1, 2**63], [-(2**63) - 1], ["1"], [None], [1.5, 2.5], [None, 1]])
def test_what_is_no_integer_is_refused(values: list[Any]) -> None:
    with pytest.raises(ValueError, match="integers"):
        int8s(values)


@pytest.mark.parametrize("values", [["x"], ["x" * 36, "x" * 35 + "y" * 2], ["x" * 35, "x" * 37], ["ü" * 36], [""]])
def test_what_is_no_uuid_is_refused(values: list[str]) -> None:
    with pytest.raises(ValueError, match="36 characters"):
        uuids(values)


@pytest.mark.parametrize("encode", [texts, repeated_texts])
def test_half_a_character_is_refused(encode: Any) -> None:
    with pytest.raises(UnicodeEncodeError):
        encode(["\ud800"])


def test_a_registered_connection_sends_columns_as_they_are() -> None:
    context = psycopg.adapt.AdaptersMap(psycopg.adapters)

    class Context:
        adapters = context
        connection = None

    register(Context())
    column = int8s([1, 2])
    transformer = Transformer(Context())
    assert transformer.dump_sequence([column], [psycopg.adapt.PyFormat.AUTO]) == [column.data]
    assert transformer.types == (1016,)
