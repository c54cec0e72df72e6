"""What commands print, for programs and for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.cli.output import (
    console,
    duration_text,
    exception_data,
    facts,
    note,
    print_json,
    status_text,
    table,
    time_text,
)
from perdure.exceptions import ApplicationError


@dataclass(frozen=True, slots=True)
class Shelf:
    books: tuple[str, ...]
    age: timedelta


def test_json_knows_what_the_client_gives(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"shelf": Shelf(("a",), timedelta(seconds=1.5)), "at": datetime(2026, 1, 1, tzinfo=UTC), "raw": b"x"})
    assert json.loads(capsys.readouterr().out) == {
        "shelf": {"books": ["a"], "age": 1.5},
        "at": "2026-01-01T00:00:00+00:00",
        "raw": "x",
    }


def test_errors_as_data() -> None:
    error = ApplicationError("out of tea", type="TeaError")
    error.__cause__ = ValueError("no leaves")
    assert exception_data(error) == {
        "type": "ApplicationError",
        "message": "TeaError: out of tea",
        "error_type": "TeaError",
        "cause": {"type": "ValueError", "message": "no leaves"},
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0123, "12.3 ms"),
        (9.5, "9.5 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (7200, "2 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


def test_nothing_is_empty() -> None:
    assert duration_text(None) == time_text(None) == ""


def test_through_a_pipe_lines_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long: list[tuple[Any, ...]] = [("x" * 300, None), (status_text("FAILED"), 2)]
    console().print(table(("Name", "Count"), long))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "x" * 300 in lines[1]


def test_facts_leave_out_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(facts((("Id", "w"), ("Closed", ""), ("Memo", None), ("Status", status_text("RUNNING")))))
    assert capsys.readouterr().out.split() == ["Id", "w", "Status", "RUNNING"]


def test_remarks_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    note("careful [with] brackets")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "careful [with] brackets\n")
