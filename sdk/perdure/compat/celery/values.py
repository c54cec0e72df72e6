"""Values on their way: what JSON does not know travels with its type, and comes out as it went in.

So moments, days, times of day, identifiers, decimals and bytes are for tasks what they are under Celery's JSON: they do
not become text. All else is left to the data converter.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

_PLAIN = frozenset({str, int, float, bool, type(None)})
_KIND, _VALUE = "__type__", "__value__"
_MARKED = {_KIND, _VALUE}

_TO_TEXT: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    Decimal: ("decimal", str),
    UUID: ("uuid", lambda value: value.hex),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
}
_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": base64.b64decode,
}


def to_plain(value: Any) -> Any:
    """It as JSON can hold it. Tuples become lists, keys text, as under Celery."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, list | tuple):
        return [to_plain(member) for member in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _key(key): to_plain(member) for key, member in value.items()}
    known = _TO_TEXT.get(kind)
    return value if known is None else {_KIND: known[0], _VALUE: known[1](value)}


def from_plain(value: Any) -> Any:
    """What `to_plain` was given."""
    kind = type(value)
    if kind is list:
        return [from_plain(member) for member in value]
    if kind is not dict:
        return value
    if value.keys() == _MARKED:
        read = _FROM_TEXT.get(value[_KIND])
        if read is not None:
            return read(value[_VALUE])
    return {key: from_plain(member) for key, member in value.items()}


def _key(key: Any) -> str:
    if key is None:
        return "null"
    return str(key).lower() if isinstance(key, bool) else str(key)
