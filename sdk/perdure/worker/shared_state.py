"""`SharedStateManager`, by the name of `temporalio`: accepted, and not needed.

Activities in processes of a `ProcessPoolExecutor` speak with their worker by a connection of their own
(`perdure.worker.process_call`), which carries heartbeats and cancellation.
"""

from __future__ import annotations

import concurrent.futures
from multiprocessing.managers import SyncManager


class SharedStateManager:
    """Of `Worker(shared_state_manager=...)`; has no effect."""

    @staticmethod
    def create_from_multiprocessing(
        mgr: SyncManager, queue_poller_executor: concurrent.futures.Executor | None = None
    ) -> SharedStateManager:
        """One that keeps the manager alive, and asks nothing of it."""
        made = SharedStateManager()
        made._kept = (mgr, queue_poller_executor)
        return made

    _kept: tuple[SyncManager, concurrent.futures.Executor | None] | None = None
