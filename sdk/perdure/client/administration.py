"""What a client offers to operators: namespaces, search attributes, batch operations, worker
deployments, task queues, dead letters, the cluster."""

from __future__ import annotations

from datetime import timedelta

from perdure.client.batches import Batches
from perdure.client.connection import Connection
from perdure.client.dead_letters import DeadLetters
from perdure.client.deployments import Deployments
from perdure.client.namespaces import Namespaces
from perdure.client.search_attributes import SearchAttributesOfNamespace
from perdure.client.task_queues import TaskQueues
from perdure.protocol.frontend import ClusterDescription, DescribeCluster, decode_cluster_description


class Administration:
    """A part of `Client`, which makes the connection."""

    _connection: Connection

    @property
    def namespaces(self) -> Namespaces:
        """The namespaces of the cluster: what is known of them, how long they keep closed runs."""
        return Namespaces(self._connection)

    @property
    def search_attributes(self) -> SearchAttributesOfNamespace:
        """What runs of this namespace can be found by."""
        return SearchAttributesOfNamespace(self._connection)

    @property
    def batches(self) -> Batches:
        """Operations on every run that a query finds."""
        return Batches(self._connection)

    @property
    def deployments(self) -> Deployments:
        """Worker deployments of this namespace: their versions, and where runs are sent."""
        return Deployments(self._connection)

    @property
    def task_queues(self) -> TaskQueues:
        """The task queues of this namespace: what waits in them, and what they are limited to."""
        return TaskQueues(self._connection)

    @property
    def dead_letters(self) -> DeadLetters:
        """What could not be carried out, for operators."""
        return DeadLetters(self._connection)

    async def describe_cluster(self, rpc_timeout: timedelta | None = None) -> ClusterDescription:
        """The cluster: its id, its shards, its live engines."""
        return await self._connection.ask_frontend(DescribeCluster(), decode_cluster_description, rpc_timeout)
