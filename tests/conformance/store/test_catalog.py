"""Namespaces, types of search attributes and batch operations."""

from __future__ import annotations

from perdure_store.catalog import RUNNING, BatchRow, DeploymentRow, NamespaceRow
from perdure_store.port import Store

SHORT = NamespaceRow("short", 60_000, 1_000, "words")
COMPLETED = 2


def batch(batch_id: str = "b1", **fields: object) -> BatchRow:
    row = BatchRow("default", batch_id, 1, RUNNING, b"op", "query", "why", "me", 50, b"", 10, 0, 0, 1_000, 0)
    return row._replace(**fields)  # type: ignore[arg-type]


async def test_namespaces_are_registered_changed_and_forgotten(store: Store) -> None:
    assert [row.namespace for row in await store.namespaces()] == ["default"]
    await store.put_namespace(SHORT)
    await store.put_namespace(SHORT._replace(retention_ms=90_000, created_us=2_000, description=""))
    assert (await store.namespaces())[1] == SHORT._replace(retention_ms=90_000, description="")
    assert (await store.retentions())["short"] == 90_000
    await store.delete_namespace("short")
    assert not [row for row in await store.namespaces() if row.namespace == "short"]


async def test_forgetting_twice_says_so(store: Store, calm: None) -> None:
    await store.put_namespace(SHORT)
    assert await store.delete_namespace("short")
    assert not await store.delete_namespace("short")
    assert not await store.remove_search_attribute("default", "Amount")


async def test_the_first_type_of_a_name_counts(store: Store) -> None:
    await store.add_search_attributes("default", {"Amount": 3, "Customer": 2})
    await store.add_search_attributes("default", {"Amount": 2, "New": 1})
    await store.add_search_attributes("short", {"Amount": 2})
    await store.add_search_attributes("default", {})
    assert await store.search_attribute_types("default") == {"Amount": 3, "Customer": 2, "New": 1}
    await store.remove_search_attribute("default", "Amount")
    await store.delete_namespace("short")
    assert await store.search_attribute_types("default") == {"Customer": 2, "New": 1}
    assert await store.search_attribute_types("short") == {}


async def test_a_batch_operation_is_begun_once_and_goes_on_by_revisions(store: Store, calm: None) -> None:
    assert await store.insert_batch(batch())
    assert not await store.insert_batch(batch(query="another"))
    further = batch(revision=2, cursor=b"there", done=5, message="one was gone")
    assert await store.update_batch(further)
    assert not await store.update_batch(further._replace(done=6))
    assert not await store.update_batch(batch("b2", revision=2))
    assert await store.batch("default", "b1") == further
    assert await store.batch("short", "b1") is None


async def test_running_batches_are_found_and_old_ones_forgotten(store: Store) -> None:
    over = batch("b2", state=COMPLETED, started_us=2_000, closed_us=3_000)
    for row in (batch(), over, batch("b3", namespace="short", started_us=500)):
        await store.insert_batch(row)
    assert [row.batch_id for row in await store.running_batches()] == ["b3", "b1"]
    assert [row.batch_id for row in await store.batches("default", limit=9)] == ["b2", "b1"]
    assert await store.batches("default", limit=1) == [over]
    await store.delete_batches(3_000)
    assert await store.batch("default", "b2") == over
    await store.delete_batches(3_001)
    assert [row.batch_id for row in await store.batches("default", limit=9)] == ["b1"]


async def test_a_worker_deployment_goes_on_by_revisions(store: Store, calm: None) -> None:
    row = DeploymentRow("default", "shop", 1, b"data")
    assert await store.insert_deployment(row)
    assert not await store.insert_deployment(row._replace(data=b"other"))
    assert await store.insert_deployment(row._replace(namespace="another"))
    changed = row._replace(revision=2, data=b"changed")
    assert await store.update_deployment(changed)
    assert not await store.update_deployment(changed._replace(data=b"too late"))
    assert not await store.update_deployment(changed._replace(name="unknown"))
    assert await store.deployments() == [row._replace(namespace="another"), changed]
    assert not await store.delete_deployment("default", "shop", 1)
    assert await store.delete_deployment("default", "shop", 2)
    assert [known.namespace for known in await store.deployments()] == ["another"]
