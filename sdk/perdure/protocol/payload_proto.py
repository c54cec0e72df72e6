"""One payload as Temporal's protocol buffers write it: what codecs put inside of what they encode.

Role: a codec that was written for `temporalio` encrypts this form, so that what it encrypted there is read here, and
the other way round. Nothing else of Perdure's is written so. The message is a map of text to bytes (field 1), and bytes
(field 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perdure.protocol.codec import DecodeError

_METADATA, _DATA = 1, 2
_KEY, _VALUE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS_MAX = 63


def to_proto(metadata: Mapping[str, bytes], data: bytes) -> bytes:
    """The bytes of a payload; equal payloads give equal bytes."""
    parts = []
    for name in sorted(metadata):
        entry = _field(_KEY, name.encode()) + _field(_VALUE, metadata[name])
        parts.append(_field(_METADATA, entry))
    if data:
        parts.append(_field(_DATA, data))
    return b"".join(parts)


def from_proto(encoded: bytes) -> tuple[dict[str, bytes], bytes]:
    """Metadata and data; fields that a later version added are left out.

    Raises:
        DecodeError: not such a message.
    """
    metadata: dict[str, bytes] = {}
    data = b""
    for number, content in _fields(encoded):
        if number == _METADATA:
            entry = dict(_fields(content))
            try:
                metadata[entry.get(_KEY, b"").decode()] = entry.get(_VALUE, b"")
            except UnicodeDecodeError as error:
                raise DecodeError("the metadata of a payload must map text to bytes") from error
        elif number == _DATA:
            data = content
    return metadata, data


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | _BYTES,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _fields(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that hold bytes, with their numbers."""
    at = 0
    while at < len(encoded):
        tag, at = _read_varint(encoded, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _read_varint(encoded, at)
            continue
        if kind not in (_FIXED64, _BYTES, _FIXED32):
            raise DecodeError(f"not a payload: field {tag >> 3} has the unknown type {kind}")
        size = 8 if kind == _FIXED64 else 4
        if kind == _BYTES:
            size, at = _read_varint(encoded, at)
        if at + size > len(encoded):
            raise DecodeError("not a payload: it ends in the middle of a field")
        if kind == _BYTES:
            yield tag >> 3, encoded[at : at + size]
        at += size


def _read_varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(encoded) and shift <= _VARINT_BITS_MAX:
        byte = encoded[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise DecodeError("not a payload: a number in it does not end")
