"""A codec that is easy to see through for a test, and not for anybody who greps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from perdure.common import Payload
from perdure.converter import PayloadCodec

_ENCODING = b"binary/flipped"


class FlippingCodec(PayloadCodec):
    """Turns every byte around. `refuses_encoding` and `refuses_decoding` are words: payloads that hold one make it
    raise."""

    def __init__(self) -> None:
        self.refuses_encoding = self.refuses_decoding = b"\0never"

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        await asyncio.sleep(0)
        return [self._encoded(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        await asyncio.sleep(0)
        return [self._decoded(payload) for payload in payloads]

    def _encoded(self, payload: Payload) -> Payload:
        if self.refuses_encoding in payload.data:
            raise LookupError("no key to encode with")
        inner = payload.metadata["encoding"] + b"|" + payload.data
        return Payload({"encoding": _ENCODING}, bytes(byte ^ 0xFF for byte in inner))

    def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        encoding, _, data = bytes(byte ^ 0xFF for byte in payload.data).partition(b"|")
        if self.refuses_decoding in data:
            raise LookupError("no key to decode with")
        return Payload({"encoding": encoding}, data)
