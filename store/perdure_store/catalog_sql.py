"""Namespaces, types of search attributes, batch operations and worker deployments in the database (see `Catalog`).

Role: each method is one query, on the connection of upkeep.
"""

from __future__ import annotations

from collections.abc import Mapping

from perdure_store.catalog import BatchRow, DeploymentRow, NamespaceRow
from perdure_store.columns import int8s, texts
from perdure_store.connection import Link


class SqlCatalog:
    """Args:
    link: the connection to use.
    """

    def __init__(self, link: Link) -> None:
        self._catalog_link = link

    async def namespaces(self) -> list[NamespaceRow]:
        return [NamespaceRow(*row) for row in await self._catalog_link.fetch("namespaces")]

    async def put_namespace(self, row: NamespaceRow) -> None:
        await self._catalog_link.execute("put_namespace", row._asdict())

    async def delete_namespace(self, namespace: str) -> bool:
        return await self._catalog_link.execute("delete_namespace", {"namespace": namespace}) > 0

    async def search_attribute_types(self, namespace: str) -> dict[str, int]:
        return dict(await self._catalog_link.fetch("search_attributes", {"namespace": namespace}))

    async def add_search_attributes(self, namespace: str, types: Mapping[str, int]) -> None:
        parameters = {"namespace": namespace, "names": texts(list(types)), "types": int8s(list(types.values()))}
        if types:
            await self._catalog_link.execute("add_search_attributes", parameters)

    async def remove_search_attribute(self, namespace: str, name: str) -> bool:
        parameters = {"namespace": namespace, "name": name}
        return await self._catalog_link.execute("remove_search_attribute", parameters) > 0

    async def insert_batch(self, row: BatchRow) -> bool:
        return await self._catalog_link.execute("insert_batch", row._asdict()) > 0

    async def update_batch(self, row: BatchRow) -> bool:
        return await self._catalog_link.execute("update_batch", row._asdict()) > 0

    async def batch(self, namespace: str, batch_id: str) -> BatchRow | None:
        rows = await self._catalog_link.fetch("batch", {"namespace": namespace, "batch_id": batch_id})
        return BatchRow(*rows[0]) if rows else None

    async def batches(self, namespace: str, *, limit: int) -> list[BatchRow]:
        rows = await self._catalog_link.fetch("batches", {"namespace": namespace, "limit": limit})
        return [BatchRow(*row) for row in rows]

    async def running_batches(self) -> list[BatchRow]:
        return [BatchRow(*row) for row in await self._catalog_link.fetch("running_batches")]

    async def delete_batches(self, closed_before_us: int) -> int:
        return await self._catalog_link.execute("delete_batches", {"closed_before_us": closed_before_us})

    async def deployments(self) -> list[DeploymentRow]:
        return [DeploymentRow(*row) for row in await self._catalog_link.fetch("deployments")]

    async def insert_deployment(self, row: DeploymentRow) -> bool:
        return await self._catalog_link.execute("insert_deployment", row._asdict()) > 0

    async def update_deployment(self, row: DeploymentRow) -> bool:
        return await self._catalog_link.execute("update_deployment", row._asdict()) > 0

    async def delete_deployment(self, namespace: str, name: str, revision: int) -> bool:
        parameters = {"namespace": namespace, "name": name, "revision": revision}
        return await self._catalog_link.execute("delete_deployment", parameters) > 0
