"""What a worker sends, through its payload codec: encoded side by side, sent in order.

Rule: of one run nothing overtakes what was posted before it, however long the codec takes for each: a heartbeat goes
before the failure that follows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from perdure.converter.payload_coding import PayloadCoding, without_user_data
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import RespondActivityTaskCompleted, RespondWorkflowTaskCompleted
from perdure.transport import OnReply, Transport
from perdure.worker.decoding import codec_problem

logger = logging.getLogger("perdure.worker")

_WHOLE = (RespondActivityTaskCompleted, RespondWorkflowTaskCompleted)
"""What is worth nothing without users' data."""


class EncodedPosts:
    """See the module's docstring."""

    def __init__(self, transport: Transport, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[Any]]) -> None:
        self._transport = transport
        self._spawn = spawn
        self._last_of_run: dict[str, asyncio.Task[Any]] = {}

    def post(self, coding: PayloadCoding, shard_id: int, request: Any, on_reply: OnReply) -> None:
        """Send a request until it is answered. A completion that the codec cannot encode is answered as if an engine
        had refused it; anything else, which must be said, goes without users' data."""
        run_id = request.run_id
        before = self._last_of_run.get(run_id)
        task = self._spawn(self._encode_and_post(coding, before, shard_id, request, on_reply))
        self._last_of_run[run_id] = task
        task.add_done_callback(lambda done: self._posted(run_id, done))

    def _posted(self, run_id: str, task: asyncio.Task[Any]) -> None:
        if self._last_of_run.get(run_id) is task:
            del self._last_of_run[run_id]

    async def _encode_and_post(
        self, coding: PayloadCoding, before: asyncio.Task[Any] | None, shard_id: int, request: Any, on_reply: OnReply
    ) -> None:
        problem = ""
        try:
            request = await coding.encode(request)
        except Exception as error:  # the user's codec
            problem = codec_problem("encode", error)
            logger.warning("%s cannot be encoded.", type(request).__name__, exc_info=error)
        if before is not None:
            await asyncio.wait([before])
        if not problem:
            self._transport.post(shard_id, request, on_reply)
        elif isinstance(request, _WHOLE):
            on_reply(ReplyKind.ERROR, (int(ErrorCode.INVALID_ARGUMENT), problem))
        else:
            self._transport.post(shard_id, without_user_data(request), on_reply)
