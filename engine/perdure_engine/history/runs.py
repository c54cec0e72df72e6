"""What those who take in messages ask of the decider: to make a run, and to let one decide."""

from __future__ import annotations

from typing import Any, Protocol

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.requests import StartWorkflow
from perdure_engine.core.transition import Transition
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CachedRun
from perdure_engine.history.loading import Loaded
from perdure_engine.history.shard import Shard


class Runs(Protocol):
    def create(
        self,
        batch: Batch,
        shard: Shard,
        request: StartWorkflow,
        run_id: str,
        loaded: Loaded,
        parent: ParentLink | None = None,
    ) -> Transition:
        """Start a run whose workflow id is free. Without records it was refused."""

    def decide_run(self, batch: Batch, shard: Shard, run: CachedRun, request: Any) -> Transition:
        """Let an open run decide, and take in what comes of it."""
