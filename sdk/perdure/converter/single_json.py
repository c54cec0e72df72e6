"""The wire form of one JSON value, made and read without msgpack.

Role: nearly every input and result is one JSON value. Its wire form (`pack_payloads` of one payload with the JSON
encoding) is a fixed prefix, a length and the JSON, so that it can be made and read in a fraction of the time.
"""

from __future__ import annotations

import struct

from perdure.protocol.payload import Payload, pack_payloads

_ENCODING = {"encoding": b"json/plain"}
_EMPTY = pack_payloads([Payload(_ENCODING, b"")])
_PREFIX = _EMPTY[:-2]  # without the type and length of the (empty) bytes
_PREFIX_LENGTH = len(_PREFIX)

_BIN8, _BIN16, _BIN32 = 0xC4, 0xC5, 0xC6  # msgpack's types of bytes, by the size of their length
_HEADERS = [_PREFIX + bytes((_BIN8, length)) for length in range(256)]
_pack_16 = struct.Struct(">BH").pack
_pack_32 = struct.Struct(">BI").pack


def wrap_json(data: bytes) -> bytes:
    """The wire form of one value, from its JSON."""
    length = len(data)
    if length < 256:
        return _HEADERS[length] + data
    if length < 65_536:
        return _PREFIX + _pack_16(_BIN16, length) + data
    return _PREFIX + _pack_32(_BIN32, length) + data


def unwrap_json(data: bytes) -> bytes | None:
    """The JSON of a wire form that holds one JSON value and nothing else; None for any other."""
    if len(data) <= _PREFIX_LENGTH or not data.startswith(_PREFIX):
        return None
    kind = data[_PREFIX_LENGTH]
    size = 1 if kind == _BIN8 else 2 if kind == _BIN16 else 4 if kind == _BIN32 else 0
    begin = _PREFIX_LENGTH + 1 + size
    if not size or int.from_bytes(data[begin - size : begin], "big") != len(data) - begin:
        return None
    return data[begin:]
