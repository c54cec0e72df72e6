"""Queries to trees, and errors that show where."""

from __future__ import annotations

import pytest

from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import DEPTH_MAX, VALUES_MAX, parse_count, parse_list
from perdure_engine.listing.tokens import ListQueryError
from perdure_store.list_query import (
    All,
    AnyOf,
    Comparison,
    Condition,
    Field,
    FieldType,
    ListQuery,
    Operator,
    Order,
    column,
)

FIELDS = Fields(
    {"Amount": FieldType.DOUBLE, "Tags": FieldType.KEYWORD_LIST, "Notes": FieldType.TEXT, "Urgent": FieldType.BOOL}
)
AMOUNT = Field("Amount", FieldType.DOUBLE, "Amount:Double")
NOTES = Field("Notes", FieldType.TEXT, "Notes:Text")
TAGS = Field("Tags", FieldType.KEYWORD_LIST, "Tags:KeywordList")
ID, KIND, CLOSE = column("WorkflowId"), column("WorkflowType"), column("CloseTime")

AT_MOST_TWO = Comparison(AMOUNT, Operator.LESS_OR_EQUAL, (2.0,))


def parsed(query: str) -> ListQuery:
    return parse_list(query, "default", FIELDS, 1_700_000_000_000_000)


def is_(field: Field, *values: object) -> Comparison:
    return Comparison(field, Operator.IN, values)


def is_not(field: Field, *values: object) -> Comparison:
    return Comparison(field, Operator.NOT_IN, values)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", All()),
        ("  \n ", All()),
        ("WorkflowId = 'a'", is_(ID, "a")),
        ("WorkflowId != 'a'", is_not(ID, "a")),
        ("WorkflowId <> 'a'", is_not(ID, "a")),
        ("`WorkflowId` in ('a', 'b')", is_(ID, "a", "b")),
        ("WorkflowId not in ('a')", is_not(ID, "a")),
        ("NOT WorkflowId NOT IN ('a')", is_(ID, "a")),
        ("WorkflowId STARTS_WITH 'a'", Comparison(ID, Operator.STARTS_WITH, ("a",))),
        ("NOT WorkflowId STARTS_WITH 'a'", Comparison(ID, Operator.NOT_STARTS_WITH, ("a",))),
        ("CloseTime IS NULL", Comparison(CLOSE, Operator.IS_MISSING)),
        ("CloseTime IS NOT NULL", Comparison(CLOSE, Operator.IS_PRESENT)),
        ("NOT CloseTime IS NULL", Comparison(CLOSE, Operator.IS_PRESENT)),
        ("Amount > 1", Comparison(AMOUNT, Operator.GREATER, (1.0,))),
        ("NOT Amount > 1", Comparison(AMOUNT, Operator.LESS_OR_EQUAL, (1.0,))),
        (
            "Amount BETWEEN 1 AND 2",
            All(
                (
                    Comparison(AMOUNT, Operator.GREATER_OR_EQUAL, (1.0,)),
                    Comparison(AMOUNT, Operator.LESS_OR_EQUAL, (2.0,)),
                )
            ),
        ),
        (
            "Amount NOT BETWEEN 1 AND 2",
            AnyOf((Comparison(AMOUNT, Operator.LESS, (1.0,)), Comparison(AMOUNT, Operator.GREATER, (2.0,)))),
        ),
        ("Notes = 'Hello there'", is_(NOTES, "hello", "there")),
        ("Notes = '!'", is_(NOTES)),
        ("Notes != '!'", Comparison(NOTES, Operator.IS_PRESENT)),
        ("Tags = 'a'", is_(TAGS, "a")),
        (
            "WorkflowId = 'a' OR WorkflowId = 'b' AND WorkflowType = 'c'",
            AnyOf((is_(ID, "a"), All((is_(ID, "b"), is_(KIND, "c"))))),
        ),
        (
            "(WorkflowId = 'a' OR WorkflowId = 'b') AND WorkflowType = 'c'",
            All((AnyOf((is_(ID, "a"), is_(ID, "b"))), is_(KIND, "c"))),
        ),
        (
            "NOT (WorkflowId = 'a' OR NOT (WorkflowId = 'b' AND WorkflowType = 'c'))",
            All((is_not(ID, "a"), All((is_(ID, "b"), is_(KIND, "c"))))),
        ),
    ],
)
def test_conditions(query: str, where: Condition) -> None:
    assert parsed(query) == ListQuery("default", where)


def test_an_order_stands_at_the_end() -> None:
    expected = (Order(AMOUNT, True), Order(ID), Order(CLOSE))
    assert parsed("ORDER BY Amount DESC, WorkflowId ASC, CloseTime").order == expected
    assert parsed("WorkflowId = 'order' order by Amount").order == (Order(AMOUNT),)


def test_a_count_is_grouped() -> None:
    query = parse_count("Amount > 1 GROUP BY ExecutionStatus, Amount", "default", FIELDS, 0)
    assert query.groups == (column("ExecutionStatus"), AMOUNT)
    assert query.where == Comparison(AMOUNT, Operator.GREATER, (1.0,))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("WorkflowId", "expected =, !=, <"),
        ("WorkflowId = ", "expected a value after WorkflowId, found the end"),
        ("WorkflowId = 'a' WorkflowType = 'b'", "expected AND, OR or ORDER BY, found WorkflowType"),
        ("WorkflowId = 'a' AND", "expected the name of a field, found the end"),
        ("(WorkflowId = 'a'", "expected ), found the end"),
        ("WorkflowId IN 'a'", "expected (, found 'a'"),
        ("WorkflowId IN ()", "expected a value after WorkflowId, found )"),
        ("WorkflowId NOT = 'a'", "expected IN, BETWEEN or STARTS_WITH after NOT"),
        ("WorkflowId IS 'a'", "expected NULL, found 'a'"),
        ("'a' = WorkflowId", "expected the name of a field, found 'a'"),
        ("WorkfowId = 'a'", "did you mean WorkflowId?"),
        ("Tags > 'a'", "Tags is a list of keywords, which has no order; use =, !=, IN or NOT IN"),
        ("ExecutionStatus > 'Running'", "ExecutionStatus is a status, which has no order"),
        ("Urgent BETWEEN true AND false", "Urgent is bool, which has no order"),
        ("Amount STARTS_WITH '1'", "STARTS_WITH is for keywords; Amount is double"),
        ("Amount BETWEEN 1 OR 2", "expected AND, found OR"),
        ("Amount = 'much'", "Amount is a number; 'much' is none"),
        ("ORDER BY Tags", "Tags is a list of keywords, and cannot be ordered by"),
        ("ORDER BY", "expected the name of a field, found the end"),
        ("GROUP BY WorkflowType", "a list is put in order by ORDER BY; a count is grouped by GROUP BY"),
        ("ORDER BY Amount GROUP BY Amount", "expected AND, OR or ORDER BY, found GROUP"),
        ("NOT " * (DEPTH_MAX + 1) + "Amount = 1", "more than 50 conditions stand inside of one another"),
        (f"Amount IN ({', '.join(['1'] * (VALUES_MAX + 1))})", "more than 1,000 values are too many"),
    ],
)
def test_what_cannot_be_understood(query: str, problem: str) -> None:
    with pytest.raises(ListQueryError) as caught:
        parsed(query)
    assert problem in str(caught.value)
    assert str(caught.value).endswith("^")


def test_the_place_is_shown() -> None:
    with pytest.raises(ListQueryError) as caught:
        parsed("WorkflowId = 'a' AND Urgent = 1")
    assert str(caught.value) == (
        "Urgent is true or false, not 1\n  WorkflowId = 'a' AND Urgent = 1\n                                ^"
    )
