"""What is kept with an execution whose start was to run once: how long, whose calls there were, what comes after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.protocol.activity_executions import StartActivity, decode_start
from perdure.protocol.codec import DecodeError, pack, shown, unpack

SENDERS_MAX = 100
"""Senders whose calls about one activity id are remembered; of more, those silent longest are forgotten."""


@dataclass(slots=True)
class Deduplicated:
    """What is kept with an execution.

    Attributes:
        until_us: Its row is kept until then at least.
        orders: The last call of each sender, the longest silent first.
        successor: What is to be started when it has ended.
    """

    until_us: int
    orders: dict[str, int] = field(default_factory=dict)
    successor: StartActivity | None = None

    def note(self, sender: str, order: int) -> None:
        self.orders.pop(sender, None)
        self.orders[sender] = order
        if len(self.orders) > SENDERS_MAX:
            del self.orders[next(iter(self.orders))]

    def encode(self) -> bytes:
        return pack((self.until_us, tuple(self.orders.items()), self.successor))

    @staticmethod
    def decode(data: bytes) -> Deduplicated:
        """The inverse of `encode`.

        Raises:
            DecodeError: malformed.
        """
        fields = unpack(data)
        try:
            until_us, orders, successor = fields
            return Deduplicated(until_us, dict(orders), None if successor is None else decode_start(successor))
        except (TypeError, ValueError):
            raise DecodeError(f"what is kept of a deduplication cannot be read: {shown(fields)}") from None
