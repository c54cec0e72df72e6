"""Frontend requests of operators: namespaces, types of search attributes, batch operations, and what they answer."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.codec import struct_decoder
from perdure.protocol.payload import HeaderMap, Payloads

BATCH_RATE_DEFAULT = 50
"""Runs that a batch operation takes on each second, unless it says otherwise (Temporal's default)."""

BATCH_RATE_MAX = 1_000


class ListNamespaces(NamedTuple):
    """Reply: `NamespaceList`."""


class SetRetention(NamedTuple):
    """Keep the closed runs of a namespace for so long. Reply: `None`."""

    namespace: str
    retention_ms: int


class PutNamespace(NamedTuple):
    """Register a namespace (`create`: refused as ALREADY_EXISTS if it is registered), or change it. A retention of 0
    and a description of None leave what is there. Reply: `NamespaceInfo`."""

    namespace: str
    retention_ms: int = 0
    description: str | None = None
    create: bool = False


class DescribeNamespace(NamedTuple):
    """Reply: `NamespaceInfo`; of one that nobody registered, what holds for it."""

    namespace: str


class DeleteNamespace(NamedTuple):
    """Forget a namespace that has no runs (any more). Reply: `None`; NOT_FOUND, or INVALID_ARGUMENT with the number of
    its runs."""

    namespace: str


class ListSearchAttributes(NamedTuple):
    """Reply: `SearchAttributeTypes`."""

    namespace: str


class AddSearchAttributes(NamedTuple):
    """Give types to names, in pairs `(name, type)`; what has the same type already is fine.

    Reply: `None`; INVALID_ARGUMENT names those that have another one."""

    namespace: str
    types: tuple[Any, ...]


class RemoveSearchAttribute(NamedTuple):
    """Forget the type of a name: queries do not know it any more. Reply: `None`; NOT_FOUND."""

    namespace: str
    name: str


class BatchOperation(IntEnum):
    """What is done to each run."""

    TERMINATE = 1
    CANCEL = 2
    SIGNAL = 3
    RESET = 4
    DELETE = 5


class StartBatch(NamedTuple):
    """Do something to every run that a query finds now. `rate`: runs a second. `signal_name`, `input` and `headers` are
    for SIGNAL, `reset_point` (`ResetPoint`) for RESET. The same `batch_id` again is the same operation.

    Reply: `BatchInfo`."""

    namespace: str
    batch_id: str
    operation: int
    query: str
    reason: str
    identity: str
    rate: int = BATCH_RATE_DEFAULT
    signal_name: str = ""
    input: Payloads = b""
    headers: HeaderMap = b""
    reset_point: int = 2


class DescribeBatch(NamedTuple):
    """Reply: `BatchInfo`; NOT_FOUND."""

    namespace: str
    batch_id: str


class ListBatches(NamedTuple):
    """Reply: `BatchList`, newest first, at most 1,000."""

    namespace: str


class StopBatch(NamedTuple):
    """End a batch operation where it is; what it has done stays done. Reply: `BatchInfo`; NOT_FOUND."""

    namespace: str
    batch_id: str
    reason: str
    identity: str


class NamespaceInfo(NamedTuple):
    """`retention_ms`: how long it keeps its closed runs. `created_us` is 0 if nobody registered it."""

    namespace: str
    retention_ms: int
    created_us: int = 0
    description: str = ""


class NamespaceList(NamedTuple):
    """The namespaces that were registered."""

    rows: tuple[NamespaceInfo, ...]


class SearchAttributeTypes(NamedTuple):
    """The types of a namespace's search attributes, as a map."""

    types: dict[str, Any]


class BatchState(IntEnum):
    RUNNING = 1
    COMPLETED = 2
    STOPPED = 3
    FAILED = 4


class BatchInfo(NamedTuple):
    """How far a batch operation has come. `total`: what the query found when it began; `failed` of them could not be
    done, the last one because of `message`."""

    namespace: str
    batch_id: str
    operation: int
    state: int
    query: str
    reason: str
    identity: str
    rate: int
    total: int
    done: int
    failed: int
    started_us: int
    closed_us: int
    message: str = ""


class BatchList(NamedTuple):
    rows: tuple[BatchInfo, ...]


decode_namespace_info = struct_decoder(NamespaceInfo)
decode_namespace_list = struct_decoder(NamespaceList)
decode_search_attribute_types = struct_decoder(SearchAttributeTypes)
decode_batch_info = struct_decoder(BatchInfo)
decode_batch_list = struct_decoder(BatchList)
