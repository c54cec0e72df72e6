"""Values: they come out as they went in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from perdure.compat.celery.values import from_plain, to_plain


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [1, 2.5, True, {"a": [None]}],
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        datetime(2026, 11, 20, 12),
        date(2026, 11, 20),
        time(12, 30),
        Decimal("1.10"),
        UUID(int=7),
        b"\x00\xff",
        {"deep": [{"at": datetime(2026, 11, 20)}]},
        {"__type__": "unknown", "__value__": 3},
        {"__type__": "datetime"},
    ],
)
def test_round_trip(value: Any) -> None:
    assert from_plain(orjson.loads(orjson.dumps(to_plain(value)))) == value


def test_what_becomes_something_else_as_under_celery() -> None:
    assert to_plain((1, (2,))) == [1, [2]]
    assert to_plain({2: "a", None: "b", True: "c"}) == {"2": "a", "null": "b", "true": "c"}
    other = object()
    assert to_plain(other) is other
