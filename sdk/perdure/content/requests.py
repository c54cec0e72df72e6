"""The large values of what a client sends.

Rule: all of their content travels beside the request, since a client does not know what the run has.
"""

from __future__ import annotations

from typing import Any

from perdure.content.sending import CUT_ABOVE_BYTES, Parcel
from perdure.exceptions import PayloadSizeError
from perdure.protocol.content import BLOCK_BYTES_MAX, ContentBlock
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.requests import SignalWorkflow, StartWorkflow, StartWorkflowWith

_VALUES: dict[type[Any], int] = {
    cls: cls._fields.index(field) for cls, field in ((StartWorkflow, "input"), (SignalWorkflow, "input"))
}


def cut_request(request: Any) -> tuple[Any, ContentBlock | None]:
    """The request to send, and the content beside it, if its values are large.

    Raises:
        PayloadSizeError: they are too large even when compressed.
    """
    if type(request) is StartWorkflowWith and len(request.start.input) > PAYLOAD_SIZE_MAX:  # it goes whole
        raise PayloadSizeError(len(request.start.input), PAYLOAD_SIZE_MAX, _name(request.start))
    place = _VALUES.get(type(request))
    if place is None or len(request[place]) <= CUT_ABOVE_BYTES:
        return request, None
    parcel = Parcel()
    value = request[place]
    changed = request._replace(**{request._fields[place]: parcel.refer(value)})
    if parcel.new_bytes > BLOCK_BYTES_MAX:
        raise PayloadSizeError(parcel.new_bytes, BLOCK_BYTES_MAX, _name(request), "compressed")
    return changed, parcel.block()


def _name(request: Any) -> str:
    if isinstance(request, SignalWorkflow):
        return f"the arguments of signal {request.signal_name!r}"
    return f"the arguments of workflow {request.workflow_type!r}"
