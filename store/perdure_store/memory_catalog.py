"""Namespaces, types of search attributes, batch operations and worker deployments in memory (see `catalog.Catalog`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from perdure_store.catalog import RUNNING, BatchRow, DeploymentRow, NamespaceRow
from perdure_store.memory_tables import MemoryDatabase


class MemoryCatalog(ABC):
    """A part of `MemoryStore`, which says how a call begins."""

    @abstractmethod
    async def _called(self, method: str) -> MemoryDatabase: ...

    async def namespaces(self) -> list[NamespaceRow]:
        database = await self._called("namespaces")
        return [database.namespaces[name] for name in sorted(database.namespaces)]

    async def put_namespace(self, row: NamespaceRow) -> None:
        database = await self._called("put_namespace")
        known = database.namespaces.get(row.namespace)
        database.namespaces[row.namespace] = row if known is None else row._replace(created_us=known.created_us)

    async def delete_namespace(self, namespace: str) -> bool:
        database = await self._called("delete_namespace")
        database.search_attributes.pop(namespace, None)
        return database.namespaces.pop(namespace, None) is not None

    async def search_attribute_types(self, namespace: str) -> dict[str, int]:
        database = await self._called("search_attribute_types")
        return dict(sorted(database.search_attributes[namespace].items()))

    async def add_search_attributes(self, namespace: str, types: Mapping[str, int]) -> None:
        known = (await self._called("add_search_attributes")).search_attributes[namespace]
        for name, kind in types.items():
            known.setdefault(name, kind)

    async def remove_search_attribute(self, namespace: str, name: str) -> bool:
        database = await self._called("remove_search_attribute")
        return database.search_attributes[namespace].pop(name, None) is not None

    async def insert_batch(self, row: BatchRow) -> bool:
        database = await self._called("insert_batch")
        return database.batches.setdefault((row.namespace, row.batch_id), row) is row

    async def update_batch(self, row: BatchRow) -> bool:
        database = await self._called("update_batch")
        known = database.batches.get((row.namespace, row.batch_id))
        if known is None or known.revision != row.revision - 1:
            return False
        database.batches[row.namespace, row.batch_id] = row
        return True

    async def batch(self, namespace: str, batch_id: str) -> BatchRow | None:
        return (await self._called("batch")).batches.get((namespace, batch_id))

    async def batches(self, namespace: str, *, limit: int) -> list[BatchRow]:
        database = await self._called("batches")
        rows = [row for row in database.batches.values() if row.namespace == namespace]
        return sorted(rows, key=lambda row: (row.started_us, row.batch_id), reverse=True)[:limit]

    async def running_batches(self) -> list[BatchRow]:
        database = await self._called("running_batches")
        rows = [row for row in database.batches.values() if row.state == RUNNING]
        return sorted(rows, key=lambda row: (row.started_us, row.batch_id))

    async def delete_batches(self, closed_before_us: int) -> int:
        database = await self._called("delete_batches")
        old = [
            key for key, row in database.batches.items() if row.state != RUNNING and row.closed_us < closed_before_us
        ]
        for key in old:
            del database.batches[key]
        return len(old)

    async def deployments(self) -> list[DeploymentRow]:
        return [row for _, row in sorted((await self._called("deployments")).deployments.items())]

    async def insert_deployment(self, row: DeploymentRow) -> bool:
        database = await self._called("insert_deployment")
        return database.deployments.setdefault((row.namespace, row.name), row) is row

    async def update_deployment(self, row: DeploymentRow) -> bool:
        database = await self._called("update_deployment")
        known = database.deployments.get((row.namespace, row.name))
        if known is None or known.revision != row.revision - 1:
            return False
        database.deployments[row.namespace, row.name] = row
        return True

    async def delete_deployment(self, namespace: str, name: str, revision: int) -> bool:
        database = await self._called("delete_deployment")
        known = database.deployments.get((namespace, name))
        if known is None or known.revision != revision:
            return False
        del database.deployments[namespace, name]
        return True
