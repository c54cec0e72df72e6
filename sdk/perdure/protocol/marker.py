"""The details of a marker on the wire: lists of payloads by name, packed to bytes that an engine never opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads


def pack_details(details: Mapping[str, Sequence[Payload]]) -> bytes:
    """The wire form of details; none at all are `b""`."""
    return pack({name: pack_payloads(payloads) for name, payloads in details.items()}) if details else b""


def unpack_details(data: bytes) -> dict[str, list[Payload]]:
    """The details of a wire form.

    Raises:
        DecodeError: `data` is not such a map.
    """
    if not data:
        return {}
    rows = unpack(data)
    if type(rows) is not dict or any(type(name) is not str or type(value) is not bytes for name, value in rows.items()):
        raise DecodeError("the details of a marker must map text to lists of payloads")
    return {name: unpack_payloads(value) for name, value in rows.items()}
