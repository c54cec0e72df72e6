"""One request as it came out of an inbox."""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.protocol.requests import SentRequest
from perdure_engine.history.shard import Shard


class Arrival(NamedTuple):
    """`entry_id` and `place` name the place of the request: the inbox entry, and the request within it. `row` is the
    request as it was sent."""

    shard: Shard
    entry_id: bytes
    place: int
    sender: str
    sent: SentRequest
    row: Any
