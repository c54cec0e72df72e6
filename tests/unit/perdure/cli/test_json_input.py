"""Values that users type, and errors that show where they go wrong."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from pathlib import Path

import click
import pytest

from perdure.cli.json_input import duration, key_and_json, parse_inputs, parse_json


def test_json_from_the_line_a_file_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "order.json").write_text('{"lamp": 1}')
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1, 2]"))
    assert parse_inputs(['"text"', f"@{tmp_path}/order.json", "@-"]) == ["text", {"lamp": 1}, [1, 2]]
    assert parse_inputs([]) == []


def test_an_error_points_at_the_place() -> None:
    with pytest.raises(click.UsageError, match=r"--input is not JSON: .* at line 1, column 7") as caught:
        parse_inputs(['{"a": b}'])
    lines = str(caught.value.message).splitlines()
    assert lines[1].strip() == '{"a": b}'
    assert lines[2].index("^") == lines[1].index("b")
    assert "double quotes" in lines[3]


def test_of_several_inputs_the_error_names_the_one() -> None:
    with pytest.raises(click.UsageError, match="--input number 2 is not JSON"):
        parse_inputs(["1", "two"])


def test_a_long_line_is_shown_around_the_place() -> None:
    text = '["' + "x" * 1000 + '", oops]'
    with pytest.raises(click.UsageError) as caught:
        parse_json(text, "--input")
    shown, pointer = str(caught.value.message).splitlines()[1:3]
    assert len(shown) < 120
    assert shown[pointer.index("^")] == "o"


def test_the_line_of_a_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text('{\n  "lamp": 1,\n}\n')
    with pytest.raises(click.UsageError, match=r'order.json is not JSON: .*line 2, column 12\n    "lamp": 1,\n +\^'):
        parse_json(f"@{path}", "--input")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"cannot read the file .*missing: No such file"):
        parse_json(f"@{tmp_path}/missing", "--input")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(click.UsageError, match="not UTF-8"):
        parse_json(f"@{tmp_path}/binary", "--input")


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("10s", 10), ("1h30m", 5400), ("2d", 172_800), ("5 min", 300), ("1.5", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "10x", "h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 250ms, 10s"):
        duration(text)


def test_key_and_json() -> None:
    assert key_and_json('customer="a=b"') == ("customer", "a=b")
    for text in ("customer", '="x"'):
        with pytest.raises(click.BadParameter, match="KEY=JSON"):
            key_and_json(text)


def test_no_digit_is_lost() -> None:
    assert parse_json(f'{{"id": {2**70}}}', "--input") == {"id": 2**70}
    with pytest.raises(click.UsageError, match="--input cannot be sent"):
        parse_json("[" * 300 + str(2**70) + "]" * 300, "--input")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(click.UsageError, match="no name of a file"):
        parse_json("@\0", "--input")


@pytest.mark.parametrize("text", ["9" * 400, "9" * 30 + "d", "40000d"])
def test_a_duration_beyond_a_century(text: str) -> None:
    with pytest.raises(click.BadParameter, match="the longest is 36600d"):
        duration(text)
