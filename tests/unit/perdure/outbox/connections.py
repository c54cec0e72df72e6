"""Connections that keep what they are given, as psycopg's take it."""

from __future__ import annotations

from typing import Any

from perdure.outbox.record import Record, decode_record


class Kept:
    """What a connection was given: pairs of statement and values."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Any]] = []

    @property
    def record(self) -> Record:
        """The start in the last row."""
        return decode_record(self.given[-1][1]["request"])


class KeepingConnection(Kept):
    def execute(self, statement: Any, parameters: Any, /) -> None:
        self.given.append((statement, parameters))


class KeepingAsyncConnection(Kept):
    async def execute(self, statement: Any, parameters: Any, /) -> None:
        self.given.append((statement, parameters))
