"""The broker on Redis or Valkey, and how to open one.

Role: joins the parts, one concern each: `cluster`, `inboxes`, `replies`, `publishing`, `tasks`, `queues`,
`announcing`, `frontend`.
"""

from __future__ import annotations

from perdure_broker.address import Mode, parse_address
from perdure_broker.announcing import AnnouncingCalls
from perdure_broker.cluster import ClusterCalls
from perdure_broker.frontend import FrontendCalls
from perdure_broker.inboxes import InboxCalls
from perdure_broker.keys import DEFAULT_PREFIX, Keys
from perdure_broker.publishing import PublishingCalls
from perdure_broker.queues import QueueCalls
from perdure_broker.tasks import TaskCalls


class RedisBroker(ClusterCalls, InboxCalls, PublishingCalls, TaskCalls, QueueCalls, AnnouncingCalls, FrontendCalls):
    """Implements `port.Broker`. Belongs to the event loop in which it is first used."""


CLUSTER_INBOX_PARTITIONS = 4
"""Slots of a cluster that the inboxes are spread over: one blocking read each. All processes of a deployment must count
the same, so that it is no option; a release that changes it must be told to engines and senders alike."""


def open_broker(url: str, *, prefix: str = DEFAULT_PREFIX, inbox_partitions: int | None = None) -> RedisBroker:
    """A broker for the deployment at `url`. Call `connect` next.

    Args:
        url: a form of `address`: one server, Sentinels, or a cluster.
        prefix: first part of every key; all processes of one deployment use the same.
        inbox_partitions: how many slots the inboxes are spread over; the same for all processes too. None: one, and a
            few in a cluster.

    Raises:
        ValueError: the address is malformed.
    """
    address = parse_address(url)
    if inbox_partitions is None:
        inbox_partitions = CLUSTER_INBOX_PARTITIONS if address.mode is Mode.CLUSTER else 1
    return RedisBroker(address, Keys(prefix, inbox_partitions))
