"""What a client offers to operators; each part has tests of its own."""

from __future__ import annotations

from perdure.protocol.frontend import ClusterDescription, DescribeCluster
from perdure.protocol.replies import ReplyKind
from tests.fake_engine import client_of


async def test_the_cluster_describes_itself_and_each_part_asks_on_the_clients_connection() -> None:
    cluster = ClusterDescription("c", 1, 4, "0.1.0", ("node-1",))
    async with client_of(lambda number, _: [(number, ReplyKind.OK, cluster)]) as (client, engine):
        assert await client.describe_cluster() == cluster
        assert engine.requests() == [DescribeCluster()]
        for part in (client.namespaces, client.search_attributes, client.batches, client.dead_letters):
            assert part._connection is client._connection
