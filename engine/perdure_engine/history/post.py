"""The post: how messages to other runs become outstanding rows, and envelopes for the inboxes of their shards.

A message is a row of its sender until its answer has come. Recovery reads the row and sends it again; receivers know a
message that comes twice. Answers are no rows: whoever misses one sends its message again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perdure.protocol.codec import pack, unpack
from perdure.protocol.ids import shard_id_for
from perdure.protocol.requests import REQUESTS, encode_envelope, numbered_request
from perdure_broker.port import ClusterInfo
from perdure_engine.history.unanswered import UnansweredMessages

MESSAGE_KIND = 4
"""Kind of the transfer row that stands for a message whose answer has not come."""

SENDER = "history"
"""Nobody reads replies to this sender."""

ENVELOPE_MESSAGES_MAX = 100
"""Messages of one inbox entry."""

ENVELOPE_BYTES_MAX = 512 * 1024
"""About how large an inbox entry of several messages becomes."""


class Post:
    """Knows where runs live, and what has not been answered."""

    def __init__(self, cluster: ClusterInfo) -> None:
        self._map_version = cluster.map_version
        self._shard_count = cluster.shard_count
        self.unanswered = UnansweredMessages()

    def has_shard(self, shard_id: int) -> bool:
        return 0 <= shard_id < self._shard_count

    def shard_of(self, message: Any) -> int:
        """The shard of the workflow that a message names."""
        return shard_id_for(message.namespace, message.workflow_id, self._shard_count)

    def envelopes(self, letters: Mapping[int, Sequence[Any]]) -> dict[int, list[bytes]]:
        """The inbox entries that carry these messages and answers, by shard; many share an entry."""
        return {shard_id: self._envelopes(messages) for shard_id, messages in letters.items()}

    def _envelopes(self, messages: Sequence[Any]) -> list[bytes]:
        rows = [numbered_request(0, message) for message in messages[:ENVELOPE_MESSAGES_MAX]]
        data = encode_envelope(self._map_version, SENDER, rows)
        rest = messages[ENVELOPE_MESSAGES_MAX:]
        if len(data) > ENVELOPE_BYTES_MAX and len(rows) > 1:
            middle = len(rows) // 2
            first = [*self._envelopes(messages[:middle]), *self._envelopes(messages[middle : len(rows)])]
        else:
            first = [data]
        return [*first, *self._envelopes(rest)] if rest else first


def pack_message(message: Any) -> bytes:
    """A message as its row holds it."""
    return pack(REQUESTS.numbered(message))


def unpack_message(data: bytes) -> Any:
    """The inverse of `pack_message`.

    Raises:
        DecodeError: malformed, or of a kind that this version does not know.
    """
    kind, fields = unpack(data)
    return REQUESTS.decode(kind, fields)
