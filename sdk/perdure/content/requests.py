"""The large values of what a client sends.

Rule: all of their content travels beside the request, since a client does not know what the run has.
"""

from __future__ import annotations

from typing import Any

from perdure.content.sending import CUT_ABOVE_BYTES, Parcel
from perdure.exceptions import PayloadSizeError
from perdure.protocol.content import BLOCK_BYTES_MAX, ContentBlock
from perdure.protocol.requests import SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure.protocol.updates import UpdateWorkflow

_VALUES = (StartWorkflow, SignalWorkflow, UpdateWorkflow)
"""Requests whose `input` may be large."""


def cut_request(request: Any) -> tuple[Any, ContentBlock | None]:
    """The request to send, and the content beside it, if its values are large.

    Raises:
        PayloadSizeError: they are too large even when compressed.
    """
    parcel = Parcel()
    if type(request) is StartWorkflowWith:
        changed: Any = request._replace(
            start=_cut(request.start, parcel), signal=_cut(request.signal, parcel), update=_cut(request.update, parcel)
        )
    elif type(request) in _VALUES:
        changed = _cut(request, parcel)
    else:
        return request, None
    return (changed, parcel.block()) if parcel.content else (request, None)


def _cut(request: Any, parcel: Parcel) -> Any:
    if request is None or len(request.input) <= CUT_ABOVE_BYTES:
        return request
    changed = request._replace(input=parcel.refer(request.input))
    if parcel.new_bytes > BLOCK_BYTES_MAX:
        raise PayloadSizeError(parcel.new_bytes, BLOCK_BYTES_MAX, _name(request), "compressed")
    return changed


def _name(request: Any) -> str:
    if isinstance(request, SignalWorkflow):
        return f"the arguments of signal {request.signal_name!r}"
    if isinstance(request, UpdateWorkflow):
        return f"the arguments of update {request.update_name!r}"
    return f"the arguments of workflow {request.workflow_type!r}"
