"""Payload codecs: bytes to other bytes, after conversion; encryption and compression, for example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from perdure.protocol.payload import Payload


class PayloadCodec(ABC):
    """Give one to `DataConverter(payload_codec=...)`. All that clients and workers send of users' data passes it:
    arguments, results, memos, details of heartbeats and failures, markers; not search attributes, which the engine
    reads, and headers only if the client's `header_codec_behavior` says so.

    Both methods run on the event loop, outside of workflow code, and may wait. What they raise fails the call of a
    client, the attempt of an activity, or the workflow task (which is tried again).
    """

    @abstractmethod
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Other payloads for these, at least one and not more. Must not change those given."""

    @abstractmethod
    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The inverse of `encode`. What was not encoded by this codec is best returned as it is."""
