"""What commands print: JSON for programs, tables for people.

Rules: with `--json` standard output carries one JSON document (or, for lists, one), and nothing else ever goes there.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

PIPE_WIDTH = 4096
"""Columns of what is no terminal: `perdure workflow list | grep ...` must find whole ids on one line."""

STATUS_STYLES = {
    "RUNNING": "cyan",
    "COMPLETED": "green",
    "FAILED": "bold red",
    "TIMED_OUT": "bold red",
    "TERMINATED": "red",
    "CANCELED": "yellow",
    "CONTINUED_AS_NEW": "blue",
}


def console() -> Console:
    """Standard output, for people; through a pipe, lines are not broken. Made when needed: tests replace the stream."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, highlight=False, soft_wrap=False, width=width)


def print_json(value: Any) -> None:
    """One JSON document and a line end."""
    data = orjson.dumps(value, default=plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    click.echo(data.decode())


def plain(value: Any) -> Any:
    """What orjson does not know, as something that it does."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, BaseException):
        return exception_data(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def exception_data(error: BaseException) -> dict[str, Any]:
    """An exception with its causes."""
    data: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if getattr(error, "type", None):
        data["error_type"] = str(getattr(error, "type", ""))
    if error.__cause__ is not None:
        data["cause"] = exception_data(error.__cause__)
    return data


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> Table:
    """A table of texts; a cell may be a rich `Text`."""
    headers = (Column(name, overflow="fold") for name in columns)  # an id that is cut off cannot be copied
    made = Table(*headers, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values, one pair a line; those without a value are left out."""
    made = Table.grid(padding=(0, 2))
    for name, value in pairs:
        if value is not None and value != "":
            made.add_row(Text(name, style="dim"), value if isinstance(value, Text) else Text(str(value)))
    return made


def status_text(name: str) -> Text:
    return Text(name, style=STATUS_STYLES.get(name, ""))


def time_text(time: datetime | None) -> str:
    """Local time to the second."""
    return "" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration_text(duration: timedelta | None) -> str:
    """Short: `15 ms`, `1.2 s`, `3 min 20 s`, `2 d 4 h`."""
    if duration is None:
        return ""
    seconds = duration.total_seconds()
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, name, part, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {name} {rest // part} {part_name}" if rest // part else f"{whole} {name}"
    return ""


def note(text: str) -> None:
    """A remark for people, beside the result."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="yellow", markup=False)
