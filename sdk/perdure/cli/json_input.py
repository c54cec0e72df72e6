"""Values that users type: JSON (or a file of it), durations, times."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import orjson
import pydantic_core

SHOWN_MAX = 100
"""Characters of a line that an error shows around the place where it went wrong."""

DURATION_MAX = timedelta(days=36_600)
"""A century: the longest that an engine takes."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")
_MANY_DIGITS = re.compile(r"\d{19}")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def parse_json(text: str, source: str) -> Any:
    """A JSON value: the text itself, `@path` (a file) or `@-` (standard input).

    Raises:
        click.UsageError: not JSON; the text shows where.
    """
    if text.startswith("@"):
        source, text = f"{source} {text}", _read(text[1:], source)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        lines = text.splitlines() or [""]
        line = lines[min(error.lineno, len(lines)) - 1]
        start = max(0, error.colno - 1 - SHOWN_MAX // 2)
        shown = line[start : start + SHOWN_MAX]
        pointer = " " * (error.colno - 1 - start) + "^"
        advice = "text needs double quotes, within the single quotes of the shell: '\"like this\"'"
        raise click.UsageError(
            f"{source} is not JSON: {error.msg}, at line {error.lineno}, column {error.colno}\n  {shown}\n  {pointer}\n"
            f'Write numbers, true, false, null, [lists] and {{"objects": 1}} as they are; {advice}'
        ) from error
    return _exact(value, text, source)


def _exact(value: Any, text: str, source: str) -> Any:
    """The value again, with every digit of integers beyond 64 bits, of which orjson makes floats.

    Raises:
        click.UsageError: nested deeper than a worker can read.
    """
    if _MANY_DIGITS.search(text) is None:
        return value
    try:
        return pydantic_core.from_json(text)
    except ValueError as error:
        raise click.UsageError(f"{source} cannot be sent: {error}") from error


def parse_inputs(inputs: Sequence[str], option: str = "--input") -> list[Any]:
    """The arguments of a workflow, signal, query or update: one `--input` each."""
    many = len(inputs) > 1
    return [parse_json(text, f"{option} number {n}" if many else option) for n, text in enumerate(inputs, 1)]


def _read(path: str, source: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{source}: cannot read the file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{source}: the file {path} is not UTF-8 text ({error.reason})") from error
    except ValueError as error:
        raise click.UsageError(f"{source}: {path!r} is no name of a file ({error})") from error


def duration(text: str) -> timedelta:
    """`10s`, `1h30m`, `250ms`, `2d`; a number alone is seconds. A type for options."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif len(text) > SHOWN_MAX or not text or _DURATION.sub("", text):
        raise click.BadParameter(f"{text[:SHOWN_MAX]!r} is no duration; write 250ms, 10s, 5m, 1h30m or 2d")
    else:
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    if seconds > DURATION_MAX.total_seconds():
        raise click.BadParameter(f"{text[:SHOWN_MAX]} is too long; the longest is {DURATION_MAX.days}d (a century)")
    return timedelta(seconds=seconds)


def key_and_json(text: str) -> tuple[str, Any]:
    """`KEY=JSON`. A type for options."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.BadParameter(f"{text!r} is not KEY=JSON, for example customer='\"ada\"'")
    return key, parse_json(value, f"the value of {key}")
