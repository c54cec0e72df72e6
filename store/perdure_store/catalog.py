"""The part of the port that is about what a cluster knows beside its runs: namespaces, the types of search attributes,
batch operations, worker deployments. Small tables, written rarely, each row by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class NamespaceRow(NamedTuple):
    """`retention_ms`: how long closed runs are kept."""

    namespace: str
    retention_ms: int
    created_us: int
    description: str = ""


class BatchRow(NamedTuple):
    """One operation on all runs that a query finds. Key: the first two fields.

    `state`: 1 runs, 2 is complete, 3 was stopped, 4 failed. `revision` rises with each change, and an update names the
    one that it knows: of two executors one gives up. `cursor` is where the next page of runs begins, `message` why it
    failed, or the last run that could not be done.
    """

    namespace: str
    batch_id: str
    revision: int
    state: int
    operation: bytes
    query: str
    reason: str
    started_by: str
    rate: int
    cursor: bytes
    total: int
    done: int
    failed: int
    started_us: int
    closed_us: int
    message: str = ""


class DeploymentRow(NamedTuple):
    """A worker deployment. Key: the first two fields. `revision` rises with each change; `data` is the engine's own."""

    namespace: str
    name: str
    revision: int
    data: bytes


RUNNING = 1
"""The state of a batch operation that is to be carried on."""


class Catalog(Protocol):
    # Namespaces ----------------------------------------------------------------------------------------------------
    async def namespaces(self) -> list[NamespaceRow]:
        """All that were registered, by name."""

    async def put_namespace(self, row: NamespaceRow) -> None:
        """Register a namespace, or change what is known of it, but for the time of its creation."""

    async def delete_namespace(self, namespace: str) -> bool:
        """Forget a namespace and its types of search attributes. False: it was not registered."""

    # Search attributes ---------------------------------------------------------------------------------------------
    async def search_attribute_types(self, namespace: str) -> dict[str, int]:
        """The type of each search attribute, by name."""

    async def add_search_attributes(self, namespace: str, types: Mapping[str, int]) -> None:
        """Give types to names that have none; those that have one keep it."""

    async def remove_search_attribute(self, namespace: str, name: str) -> bool: ...

    # Batch operations ----------------------------------------------------------------------------------------------
    async def insert_batch(self, row: BatchRow) -> bool:
        """False: there is one of this key already."""

    async def update_batch(self, row: BatchRow) -> bool:
        """Replace the row whose revision is one below; False: it has another, or is gone."""

    async def batch(self, namespace: str, batch_id: str) -> BatchRow | None: ...

    async def batches(self, namespace: str, *, limit: int) -> list[BatchRow]:
        """Newest first."""

    async def running_batches(self) -> list[BatchRow]:
        """Of all namespaces, the oldest first."""

    async def delete_batches(self, closed_before_us: int) -> int:
        """Forget batch operations that were over before; returns how many."""

    # Worker deployments --------------------------------------------------------------------------------------------
    async def deployments(self) -> list[DeploymentRow]:
        """Of all namespaces, by namespace and name."""

    async def insert_deployment(self, row: DeploymentRow) -> bool:
        """False: there is one of this key already."""

    async def update_deployment(self, row: DeploymentRow) -> bool:
        """Replace the row whose revision is one below; False: it has another, or is gone."""

    async def delete_deployment(self, namespace: str, name: str, revision: int) -> bool:
        """False: it has another revision, or is gone."""
