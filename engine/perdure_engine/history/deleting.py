"""Deleting: a run goes at once, with all that belongs to it, instead of when its retention is over.

Role: once the batch that closed the run is durable, it tries in the background until nothing of the run is outstanding
any more (its record for lists, its word to its parent), and answers when the run is gone.

Rules: the store lets go of closed runs alone, and only for the owner of their shard. What does not succeed in time is
not answered: its sender asks again, perhaps another engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any

from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, encode_replies
from perdure.protocol.requests import DeleteWorkflow, TerminateWorkflow
from perdure_broker.port import Broker, BrokerUnavailable
from perdure_engine.core.state import MutableState
from perdure_engine.environment import Environment
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.loading import Loaded
from perdure_engine.history.runs import Runs
from perdure_store.port import ExecutionRow, Store, StoreError

logger = logging.getLogger("perdure.engine.delete")

RETRY_S = 0.1
TRY_S = 20.0
"""How long one request is tried for."""

REMEMBERED_MAX = 10_000
"""Deleted runs that are remembered, to answer a request that is repeated."""


class Deletions:
    def __init__(self, store: Store, broker: Broker, environment: Environment, cache: ExecutionCache) -> None:
        self._cache = cache
        self._store = store
        self._broker = broker
        self._environment = environment
        self._waiting: dict[str, dict[tuple[str, int], int]] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()

    def decide(self, batch: Batch, arrival: Arrival, request: DeleteWorkflow, loaded: Loaded, runs: Runs) -> None:
        """Forget a run, which is terminated first if it is open."""
        run = self._cache.get_of(arrival.shard.shard_id, request.run_id)
        known: MutableState | ExecutionRow | None = loaded.run(request.run_id) if run is None else run.state
        names = (request.namespace, request.workflow_id)
        if known is None or (known.namespace, known.workflow_id) != names:
            self._answer_unknown(batch, arrival, request)
            return
        if run is not None and run.state.is_open:
            termination = TerminateWorkflow(*names, request.run_id, "deleted", b"", "", request.identity)
            runs.decide_run(batch, arrival.shard, run, termination)
        self._begin(batch, arrival, request.namespace, request.run_id)

    def _answer_unknown(self, batch: Batch, arrival: Arrival, request: DeleteWorkflow) -> None:
        if request.run_id in self._gone:
            batch.reply(arrival.sender, arrival.sent.number, ReplyKind.OK, None)
            return
        message = (
            f"there is no run {request.run_id} of workflow {request.workflow_id!r} in namespace {request.namespace!r}; "
            "nothing was deleted"
        )
        batch.reply(arrival.sender, arrival.sent.number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message))

    def _begin(self, batch: Batch, arrival: Arrival, namespace: str, run_id: str) -> None:
        """Delete a run that is closed, at the latest by this batch."""

        async def start() -> None:
            self._waiting.setdefault(run_id, {})[arrival.sender, arrival.sent.number] = 1
            if run_id not in self._tasks:
                shard = arrival.shard
                work = self._delete(shard.shard_id, shard.range_id, namespace, run_id)
                self._tasks[run_id] = self._environment.spawn(work, name="delete a run")

        batch.after.append(start)

    def stop(self) -> list[asyncio.Task[Any]]:
        """End what is under way; its senders ask again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _delete(self, shard_id: int, range_id: int, namespace: str, run_id: str) -> None:
        until = self._environment.monotonic() + TRY_S
        try:
            while self._environment.monotonic() < until:
                try:
                    await self._store.delete_visibility(namespace, [run_id])
                    if await self._store.delete_runs(shard_id, range_id, [run_id]):
                        # Once more: it may have been listed in between, for the last time.
                        await self._store.delete_visibility(namespace, [run_id])
                        self._gone[run_id] = 1
                        break
                except StoreError as error:
                    logger.warning("run %s is deleted a little later: %s", run_id, error)
                await self._environment.sleep(RETRY_S)
        finally:
            self._tasks.pop(run_id, None)
            waiting = self._waiting.pop(run_id, {})
        while len(self._gone) > REMEMBERED_MAX:
            self._gone.popitem(last=False)
        if run_id in self._gone:
            await self._answer(list(waiting))

    async def _answer(self, waiting: list[tuple[str, int]]) -> None:
        for sender, number in waiting:
            try:
                await self._broker.reply(sender, encode_replies([(number, ReplyKind.OK, None)]))
            except BrokerUnavailable as error:
                logger.warning("an answer was not sent, its sender will ask again: %s", error)
