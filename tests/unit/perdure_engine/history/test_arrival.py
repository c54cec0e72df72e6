"""An arrival names its place."""

from __future__ import annotations

from perdure.protocol.requests import SentRequest
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.shard import Shard
from perdure_store.port import ShardRow
from tests.engine_stage import start_request


def test_an_arrival_names_the_inbox_entry_and_the_place_within_it() -> None:
    shard = Shard(ShardRow(3, 1, "one", 0, "", "0-0", 1, 0), "epoch")
    arrival = Arrival(shard, b"7-0", 2, "client", SentRequest(9, start_request()), ())
    assert (arrival.shard.shard_id, arrival.entry_id, arrival.place) == (3, b"7-0", 2)
