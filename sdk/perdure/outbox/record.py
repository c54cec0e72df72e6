"""The bytes that an outbox keeps of a start: the request to the engine, as it is sent.

Rules: arguments are converted (and, with a codec, encoded) by whoever enqueues, in its transaction: a relay needs
neither the caller's types nor its keys. Nothing but a start is sent for a row, whoever wrote it.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack, shown, unpack
from perdure.protocol.requests import REQUESTS, StartWorkflow, StartWorkflowWith

Start = StartWorkflow | StartWorkflowWith | StartActivity

_STARTS = (StartWorkflow, StartWorkflowWith, StartActivity)


class Record(NamedTuple):
    """`is_coded`: a payload codec has encoded what is in it."""

    request: Start
    is_coded: bool


def encode_record(request: Start, is_coded: bool) -> bytes:
    """The bytes to keep."""
    return pack((CODEC_VERSION, REQUESTS.kind_of[type(request)], request, is_coded))


def decode_record(data: bytes) -> Record:
    """The inverse.

    Raises:
        DecodeError: malformed, of a later version, or no start.
    """
    row = unpack(data)
    if type(row) is not tuple or len(row) != 4 or type(row[3]) is not bool:
        raise DecodeError(f"what an outbox keeps must be version, kind, fields and a mark, not {shown(row)}")
    version, kind, fields, is_coded = row
    if version != CODEC_VERSION:
        raise DecodeError(f"it has codec version {shown(version)}; this relay reads {CODEC_VERSION}: update the relay")
    request = REQUESTS.decode(kind, fields)
    if not isinstance(request, _STARTS):
        raise DecodeError(f"a {type(request).__name__} is no start")
    return Record(request, is_coded)


def namespace_and_id(request: Start) -> tuple[str, str]:
    """What decides about the shard."""
    return request.namespace, request.activity_id if isinstance(request, StartActivity) else request.workflow_id
