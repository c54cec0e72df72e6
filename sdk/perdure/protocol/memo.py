"""A memo on the wire: a packed map of names to payloads, which an engine merges without opening a payload."""

from __future__ import annotations

from collections.abc import Mapping

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.payload import PAYLOAD_SIZE_MAX, Payload

MEMO_SIZE_MAX = PAYLOAD_SIZE_MAX
"""Bytes of the whole memo of one run."""


def memo_problem(data: bytes) -> str | None:
    """What is wrong with the size of a memo, or None."""
    if len(data) <= MEMO_SIZE_MAX:
        return None
    return f"the memo takes {len(data):,} bytes, the limit is {MEMO_SIZE_MAX:,}; keep it to short notes"


def pack_memo(memo: Mapping[str, Payload | None]) -> bytes:
    """The wire form; in an update, None takes a note away."""
    return pack(dict(memo)) if memo else b""


def unpack_memo(data: bytes) -> dict[str, Payload | None]:
    """The inverse of `pack_memo`.

    Raises:
        DecodeError: not a memo.
    """
    if not data:
        return {}
    rows = unpack(data)
    if type(rows) is not dict or any(type(name) is not str for name in rows):
        raise DecodeError("a memo must be a map of names to payloads")
    memo: dict[str, Payload | None] = {}
    for name, row in rows.items():
        if row is not None and (type(row) is not tuple or len(row) < 2 or type(row[1]) is not bytes):
            raise DecodeError("a payload of a memo must be an array of metadata and bytes")
        memo[name] = None if row is None else Payload(row[0], row[1])
    return memo


def merged_memo(data: bytes, update: bytes) -> bytes:
    """A memo after an update; what it sets to None is gone."""
    if not update:
        return data
    merged = unpack_memo(data) | unpack_memo(update)
    return pack_memo({name: payload for name, payload in merged.items() if payload is not None})
