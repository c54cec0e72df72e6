"""The query language of lists: what it means, and errors that show where."""

from __future__ import annotations

import pytest

from perdure.client.list_filter import ListFilter, ListFilterError, parse_list_filter

NOON_US = 1_795_176_000_000_000  # 2026-11-20T12:00:00Z


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (None, ListFilter()),
        ("  ", ListFilter()),
        ("WorkflowType = 'Agent'", ListFilter(workflow_type="Agent")),
        ("workflowtype='Agent' and EXECUTIONSTATUS=\"Running\"", ListFilter(status=1, workflow_type="Agent")),
        ("ExecutionStatus = 'TIMED_OUT'", ListFilter(status=7)),
        ("ExecutionStatus = 'ContinuedAsNew'", ListFilter(status=6)),
        ("WorkflowId = 'it''s \"mine\"'", ListFilter(workflow_id='it\'s "mine"')),
        ("WorkflowId = 'a AND b'", ListFilter(workflow_id="a AND b")),
        ("StartTime >= '2026-11-20T12:00:00Z'", ListFilter(started_from_us=NOON_US)),
        ("StartTime > '2026-11-20T12:00:00+00:00'", ListFilter(started_from_us=NOON_US + 1)),
        ("StartTime < '2026-11-20T13:00:00+01:00'", ListFilter(started_to_us=NOON_US - 1)),
        ("StartTime <= '2026-11-20 12:00:00'", ListFilter(started_to_us=NOON_US)),
        ("StartTime = '2026-11-20T12:00'", ListFilter(started_from_us=NOON_US, started_to_us=NOON_US)),
        (
            "StartTime BETWEEN '2026-11-20T12:00Z' AND '2026-11-20T12:00:01Z' AND WorkflowType = 'T'",
            ListFilter(workflow_type="T", started_from_us=NOON_US, started_to_us=NOON_US + 1_000_000),
        ),
        (
            "StartTime > '2026-11-20T11:00Z' AND StartTime >= '2026-11-20T12:00Z'",
            ListFilter(started_from_us=NOON_US),
        ),
    ],
)
def test_what_a_query_means(query: str | None, wanted: ListFilter) -> None:
    assert parse_list_filter(query) == wanted


@pytest.mark.parametrize(
    ("query", "problem", "column"),
    [
        ("Colour = 'red'", "Colour cannot be filtered by; supported are", 0),
        ("WorkflowType != 'T'", "WorkflowType != is not supported", 13),
        ("WorkflowType = T", "expected a value in quotes after WorkflowType =, found T", 15),
        ("WorkflowType = 'T", "the quote is not closed", 15),
        ("WorkflowType = 'T' OR WorkflowId = 'w'", "expected AND, found OR", 19),
        ("WorkflowType = 'T' ORDER BY StartTime", "ORDER BY is not supported", 19),
        ("(WorkflowType = 'T')", r"\( is not supported", 0),
        ("NOT WorkflowType = 'T'", "NOT is not supported", 0),
        ("WorkflowType", "expected an operator, but the query ends", 12),
        ("WorkflowType = 'T' AND", "expected a condition, but the query ends", 22),
        ("WorkflowType = ''", "WorkflowType is never empty", 15),
        ("WorkflowType = 'A' AND WorkflowType = 'B'", "given twice; nothing can match both", 23),
        ("ExecutionStatus = 'Sleeping'", "'Sleeping' is no status; the statuses are Running, Completed", 18),
        ("StartTime > 'yesterday'", "'yesterday' is no ISO 8601 time", 12),
        ("StartTime > 5", "expected a time in quotes", 12),
        ("StartTime != '2026-11-20'", "StartTime != is not supported", 10),
        ("StartTime BETWEEN '2026-11-20', '2026-11-21'", "expected AND after BETWEEN", 30),
        ("WorkflowType = 'T' ; drop", "';' has no place here", 19),
    ],
)
def test_an_error_shows_where_and_says_what_is_allowed(query: str, problem: str, column: int) -> None:
    with pytest.raises(ListFilterError, match=problem) as caught:
        parse_list_filter(query)
    _, shown, pointer = str(caught.value).split("\n")
    assert shown.strip() == query
    assert pointer == " " * (column + 2) + "^"
