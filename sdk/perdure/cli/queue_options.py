"""What the options of `perdure queue` mean: rates, numbers of tasks, and times, as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|m|min|h|d))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|min|h|d)?")

NONE = "none"


class Rate(click.ParamType[float]):
    """How many a second, a minute or an hour; `none` for no limit."""

    name = "N[/s|m|h|d]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The rate a second; 0 stands for none."""
        if value == NONE:
            return 0.0
        found = _RATE.fullmatch(str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no rate; give one such as 100, 5/m or 0.5/s, or none", param, ctx)
        return float(found[1]) / _UNITS[found[2] or ""]


class Count(click.ParamType[int]):
    """A number of tasks; `none` for no limit."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; 0 stands for none."""
        if value == NONE:
            return 0
        if not str(value).isdecimal() or not int(value):
            self.fail(f"{value!r} is no number of tasks; give at least 1, or none", param, ctx)
        return int(value)


class Duration(click.ParamType[timedelta]):
    """A time span."""

    name = "N[s|m|h|d]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time span."""
        found = _DURATION.fullmatch(str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no time; give one such as 30s, 10m or 2h", param, ctx)
        return timedelta(seconds=float(found[1]) * _UNITS[found[2] or ""])


def quoted(text: str) -> str:
    """A text as queries have it."""
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
