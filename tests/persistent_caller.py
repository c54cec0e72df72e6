"""Calls a store as the port says that a caller must: again after a conflict or a loss, and by the fence after a commit
of unknown outcome.

Role: what stands between the suite of the store and a disturbed connection, so that the suite's expectations stay what
they are. The engine's committer does the same with batches (see `perdure_engine.history.committing`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from perdure_store.port import (
    CommitBatch,
    FenceLost,
    SerializationConflict,
    Store,
    StoreUnavailable,
    UnknownOutcome,
)
from tests.disturbed_connection import one_operation

ATTEMPTS_MAX = 200
"""Twice the statements of a migration, each disturbed once or twice; beyond that a store never comes to an end."""


class PersistentCaller:
    """See the module. Everything but `commit` is repeated as it is. Calls of `store` itself are not disturbed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._durable: list[CommitBatch] = []

    @classmethod
    def of(cls, store: Store) -> Store:
        return cast(Store, cls(store))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            with one_operation():
                for _ in range(ATTEMPTS_MAX):
                    try:
                        return await method(*args, **kwargs)
                    except (SerializationConflict, StoreUnavailable):
                        continue
            raise AssertionError(f"{name} never came to an end")

        return call

    async def commit(self, batch: CommitBatch) -> None:
        with one_operation():
            unknown = False
            for _ in range(ATTEMPTS_MAX):
                try:
                    await self.store.commit(batch)
                    break
                except (SerializationConflict, StoreUnavailable):
                    continue
                except UnknownOutcome:
                    unknown = True
                except FenceLost:
                    if unknown and batch not in self._durable and await self._was_committed(batch):
                        break
                    raise
            else:
                raise AssertionError("the commit never came to an end")
        self._durable.append(batch)

    async def _was_committed(self, batch: CommitBatch) -> bool:
        rows = [await self._read_shard(advance.shard_id) for advance in batch.shards]
        return all(
            (row.range_id, row.commit_seq) == (advance.range_id, advance.commit_seq + 1)
            for row, advance in zip(rows, batch.shards, strict=True)
        )

    async def _read_shard(self, shard_id: int) -> Any:
        return await self.__getattr__("shard")(shard_id)
