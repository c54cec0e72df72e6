"""The broker on Redis or Valkey, and how to open one.

Role: joins the parts, one concern each: `cluster`, `inboxes`, `replies`, `publishing`, `tasks`, `queues`, `flow_calls`,
`announcing`, `frontend`.
"""

from __future__ import annotations

from perdure_broker.address import parse_address
from perdure_broker.announcing import AnnouncingCalls
from perdure_broker.cluster import ClusterCalls
from perdure_broker.flow_calls import FlowCalls
from perdure_broker.frontend import FrontendCalls
from perdure_broker.inboxes import InboxCalls
from perdure_broker.keys import DEFAULT_PREFIX, Keys
from perdure_broker.publishing import PublishingCalls
from perdure_broker.queues import QueueCalls
from perdure_broker.tasks import TaskCalls


class RedisBroker(
    ClusterCalls, InboxCalls, PublishingCalls, TaskCalls, QueueCalls, FlowCalls, AnnouncingCalls, FrontendCalls
):
    """Implements `port.Broker`. Belongs to the event loop in which it is first used."""


def open_broker(url: str, *, prefix: str = DEFAULT_PREFIX, inbox_partitions: int = 1) -> RedisBroker:
    """A broker for the deployment at `url`. Call `connect` next.

    Args:
        url: a form of `address`: one server, Sentinels, or a cluster.
        prefix: first part of every key; all processes of one deployment use the same.
        inbox_partitions: slots of a cluster that the inboxes are spread over; the same for all processes too. With one,
            a read is one command; with more, the first that has something must end the waiting of the others.

    Raises:
        ValueError: the address is malformed.
    """
    return RedisBroker(parse_address(url), Keys(prefix, inbox_partitions))
