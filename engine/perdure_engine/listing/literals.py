"""Values in a query: what is written, as the type of its field wants it.

Times are RFC 3339, or a date, or how long ago (`-1h30m`). Durations are written as Go writes them (`1h30m`, `250ms`),
or as a number of nanoseconds.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.search_attributes import words_of
from perdure_engine.listing.tokens import Token
from perdure_store.list_query import Field, FieldType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_999_999
_INT_MAX = 2**63 - 1
_UNITS_US = {
    "d": Decimal(86_400_000_000),
    "h": Decimal(3_600_000_000),
    "m": Decimal(60_000_000),
    "s": Decimal(1_000_000),
    "ms": Decimal(1_000),
    "us": Decimal(1),
    "µs": Decimal(1),
    "ns": Decimal("0.001"),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(d|h|ms|m|s|us|µs|ns)")
_DURATION = re.compile(rf"([-+]?)((?:{_PART.pattern})+)\Z")

_STATUSES = {status.name.replace("_", "").lower(): status for status in ExecutionStatus}
STATUS_WORDS = [status.name.title().replace("_", "") for status in ExecutionStatus]


def values_of(field: Field, token: Token, now_us: int) -> tuple[Any, ...]:
    """The plain values that a literal stands for: one, or, for a text, its words.

    Raises:
        ValueError: it is no value of the field's type; says what is.
    """
    if "\0" in token.value:
        raise ValueError("a value must not hold a NUL character")
    if field.name == "ExecutionStatus" and not field.key:
        return (_status(token),)
    if field.name == "ExecutionDuration" and not field.key:
        return (_duration(token),)
    match field.type:
        case FieldType.DATETIME:
            return (_time(token, now_us),)
        case FieldType.INT:
            return (_int(field, token),)
        case FieldType.DOUBLE:
            return (_double(field, token),)
        case FieldType.BOOL:
            return (_bool(field, token),)
    if token.kind != "text":
        raise ValueError(f"{field.name} is text: put {token.text or 'the value'} in quotes")
    if field.type == FieldType.TEXT:
        return tuple(words_of(token.value))
    run_ids = field.name.endswith("RunId") and not field.key
    return (token.value.lower() if run_ids else token.value,)


def _status(token: Token) -> int:
    status = _STATUSES.get(token.value.replace("_", "").lower())
    if status is None:
        raise ValueError(f"{token.value!r} is no status; the statuses are {', '.join(STATUS_WORDS)}")
    return int(status)


def _int(field: Field, token: Token) -> int:
    try:
        number = int(token.value)
    except ValueError:
        raise ValueError(f"{field.name} is an integer; {token.text} is none") from None
    if abs(number) > _INT_MAX:
        raise ValueError(f"{token.text} has more than 64 bits")
    return number


def _double(field: Field, token: Token) -> float:
    try:
        number = float(token.value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{field.name} is a number; {token.text} is none")
    return number


def _bool(field: Field, token: Token) -> bool:
    word = token.value.lower()
    if word not in ("true", "false"):
        raise ValueError(f"{field.name} is true or false, not {token.text}")
    return word == "true"


def _time(token: Token, now_us: int) -> int:
    hint = "such as '2026-11-20T08:00:00Z', '2026-11-20', or '-1h' for an hour ago"
    if token.kind != "text":
        raise ValueError(f"expected a time in quotes, {hint}")
    ago = parse_duration_us(token.value)
    if ago is not None and token.value[0] in "+-":
        return min(max(now_us + ago, 0), _LAST_US)
    try:
        time = datetime.fromisoformat(token.value)
    except ValueError:
        raise ValueError(f"{token.value!r} is no time, {hint}") from None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _duration(token: Token) -> int:
    if token.kind == "number" and token.text.lstrip("+-").isdigit():
        return int(token.text) // 1000
    duration = parse_duration_us(token.value) if token.kind == "text" else None
    if duration is None:
        raise ValueError(f"{token.text} is no duration, such as '1h30m', '250ms', or a number of nanoseconds")
    return duration


def parse_duration_us(text: str) -> int | None:
    """A duration as Go writes it, in microseconds; None if it is none."""
    match = _DURATION.match(text)
    if match is None:
        return None
    total = sum((Decimal(number) * _UNITS_US[unit] for number, unit in _PART.findall(match[2])), Decimal(0))
    total_us = min(int(total), _INT_MAX)
    return -total_us if match[1] == "-" else total_us
