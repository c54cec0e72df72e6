"""Values in a query."""

from __future__ import annotations

import re
from typing import Any

import pytest

from perdure_engine.listing.literals import parse_duration_us, values_of
from perdure_engine.listing.tokens import tokens_of
from perdure_store.list_query import Field, FieldType, column

NOW_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000


def attribute(kind: FieldType) -> Field:
    return Field("Attribute", kind, f"Attribute:{kind.name}")


@pytest.mark.parametrize(
    ("field", "literal", "values"),
    [
        (column("ExecutionStatus"), "'TimedOut'", (7,)),
        (column("ExecutionStatus"), "CONTINUED_AS_NEW", (6,)),
        (column("StartTime"), "'2023-11-14T22:13:20Z'", (NOW_US,)),
        (column("StartTime"), "'2023-11-14T23:13:20.000001+01:00'", (NOW_US + 1,)),
        (column("StartTime"), "'1970-01-02'", (24 * HOUR_US,)),
        (column("StartTime"), "'-1h30m'", (NOW_US - HOUR_US * 3 // 2,)),
        (column("StartTime"), "'+1d'", (NOW_US + 24 * HOUR_US,)),
        (column("StartTime"), "'-99999999d'", (0,)),
        (column("ExecutionDuration"), "'1m30s'", (90_000_000,)),
        (column("ExecutionDuration"), "2000", (2,)),
        (column("RunId"), "'ABC'", ("abc",)),
        (attribute(FieldType.INT), "-7", (-7,)),
        (attribute(FieldType.INT), "'7'", (7,)),
        (attribute(FieldType.DOUBLE), "7", (7.0,)),
        (attribute(FieldType.BOOL), "true", (True,)),
        (attribute(FieldType.BOOL), "'False'", (False,)),
        (attribute(FieldType.TEXT), "'The Fox, the dog'", ("the", "fox", "dog")),
        (attribute(FieldType.TEXT), "'...'", ()),
        (attribute(FieldType.KEYWORD_LIST), "'a b'", ("a b",)),
    ],
)
def test_values(field: Field, literal: str, values: tuple[Any, ...]) -> None:
    assert values_of(field, tokens_of(literal)[0], NOW_US) == values


@pytest.mark.parametrize(
    ("field", "literal", "problem"),
    [
        (column("ExecutionStatus"), "'Done'", "'Done' is no status; the statuses are Running, Completed"),
        (column("StartTime"), "'soon'", "'soon' is no time, such as '2026-11-20T08:00:00Z'"),
        (column("StartTime"), "5", "expected a time in quotes"),
        (column("ExecutionDuration"), "'1 hour'", "is no duration, such as '1h30m'"),
        (column("WorkflowId"), "7", "WorkflowId is text: put 7 in quotes"),
        (column("WorkflowId"), "'a\0b'", "NUL"),
        (attribute(FieldType.INT), "1.5", "Attribute is an integer; 1.5 is none"),
        (attribute(FieldType.INT), "9223372036854775808", "more than 64 bits"),
        (attribute(FieldType.DOUBLE), "'inf'", "Attribute is a number; 'inf' is none"),
        (attribute(FieldType.BOOL), "1", "Attribute is true or false, not 1"),
    ],
)
def test_what_is_no_value(field: Field, literal: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        values_of(field, tokens_of(literal)[0], NOW_US)


def test_durations_are_gos() -> None:
    assert parse_duration_us("1.5h") == HOUR_US * 3 // 2
    assert parse_duration_us("-2ms3us") == -2_003
    assert parse_duration_us("999ns") == 0
    assert parse_duration_us("1") is None
    assert parse_duration_us("") is None
