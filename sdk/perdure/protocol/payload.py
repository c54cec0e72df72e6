"""User data on the wire: a list of payloads, packed to bytes that an engine never opens.

Rule: a field of a message that holds user data is declared as `Payloads`, `PayloadMap`, `PayloadLists` or `HeaderMap`,
which are bytes to everybody but a payload codec: that finds by them what it has to encode and decode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, NamedTuple

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.payload_proto import from_proto, to_proto

PAYLOAD_SIZE_WARNING = 512 * 1024
"""Bytes of one payload list above which a worker or client logs a warning (Temporal's limit)."""

PAYLOAD_SIZE_MAX = 2 * 1024 * 1024
"""Bytes of one payload list above which it is refused at once (Temporal's limit)."""


class PayloadForm(Enum):
    """How user data is packed in a field of a message."""

    LIST = "a list of payloads: `pack_payloads`"
    MAP = "payloads by name: `pack_payload_map`"
    LISTS = "lists of payloads by name: `marker.pack_details`"
    HEADERS = "payloads by name, which a codec leaves alone unless it is told otherwise"


Payloads = Annotated[bytes, PayloadForm.LIST]
PayloadMap = Annotated[bytes, PayloadForm.MAP]
PayloadLists = Annotated[bytes, PayloadForm.LISTS]
HeaderMap = Annotated[bytes, PayloadForm.HEADERS]


class Payload(NamedTuple):
    """One value: its bytes, and metadata that says how to read them (`encoding` at least)."""

    metadata: dict[str, bytes]
    data: bytes = b""

    def SerializeToString(self) -> bytes:  # the name that codecs know
        """The payload as Temporal's protocol buffers write it: what a codec may put inside of another payload."""
        return to_proto(self.metadata, self.data)

    @staticmethod
    def FromString(s: bytes) -> Payload:
        """The inverse of `SerializeToString`.

        Raises:
            DecodeError: not a payload.
        """
        return Payload(*from_proto(s))


def pack_payloads(payloads: Sequence[Payload]) -> bytes:
    """The wire form of a list of values; an empty list is `b""`."""
    return pack(payloads) if payloads else b""


NO_VALUES = pack(())
"""The wire form of an empty list where `b""` says nothing at all."""


def unpack_payloads(data: bytes) -> list[Payload]:
    """The values of a wire form.

    Raises:
        DecodeError: `data` is not a list of payloads.
    """
    if not data:
        return []
    rows = unpack(data)
    if type(rows) is not tuple:
        raise DecodeError("payloads must be an array")
    return [_payload(row) for row in rows]


def _payload(row: Any) -> Payload:
    if type(row) is not tuple or len(row) < 2 or type(row[0]) is not dict or type(row[1]) is not bytes:
        raise DecodeError("a payload must be an array of metadata and bytes")
    if any(type(key) is not str or type(value) is not bytes for key, value in row[0].items()):
        raise DecodeError("the metadata of a payload must map text to bytes")
    return Payload(row[0], row[1])


def pack_payload_map(payloads: Mapping[str, Payload]) -> bytes:
    """The wire form of payloads by name, such as headers or a memo; none at all is `b""`."""
    return pack(payloads) if payloads else b""


def unpack_payload_map(data: bytes) -> dict[str, Payload]:
    """The payloads of such a wire form.

    Raises:
        DecodeError: `data` is not a map of payloads.
    """
    if not data:
        return {}
    rows = unpack(data)
    if type(rows) is not dict:
        raise DecodeError("payloads by name must be a map")
    return {str(name): _payload(row) for name, row in rows.items()}
