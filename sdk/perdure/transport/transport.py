"""The connection of one client or worker to a cluster: requests out, replies in, over the broker.

Role: the asyncio shell around `UnansweredRequests` and `Outgoing`. Four loops: one sends what became ready as one
pipeline, one reads the replies, one sweeps (sends again what is due, gives up what is past its deadline), one tends the
reply stream (keeps it alive, notices that the server lost its data).

Rules:
- A request costs a table entry and a list element: no task, no timer.
- Nothing is forgotten while the server is down: what could not be sent is sent when it is back, for as long as somebody
  waits for it.
- Bodies of replies are handed on undecoded: the caller knows what it asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.content import ContentBlock
from perdure.protocol.frontend import FrontendRequest, encode_frontend_envelope
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, decode_replies
from perdure.protocol.requests import ReportUnreadable, encode_envelope
from perdure.service import RPCError, RPCStatusCode
from perdure.transport.environment import Environment, RealEnvironment
from perdure.transport.outgoing import Outgoing, envelopes
from perdure.transport.unanswered import FRONTEND, OnReply, Reply, Row, UnansweredRequests
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, Leases, QueueState, TaskStream

logger = logging.getLogger("perdure.transport")

TIMEOUT_S = 30.0
"""How long a call waits for its first reply unless it says otherwise."""

_SWEEP_S = 0.5
_TEND_S = 5.0
_REPLIES_TTL_MS = 60_000
_BLOCK_MS = 2_000
_STUCK_S = 15.0  # a read that has not returned by then has lost its connection without noticing
_RETRY_MIN_S = 0.1
_RETRY_MAX_S = 3.0

_UNREADABLE_SHARD = 0  # keeps what names no shard: there is always one

OnPush = Callable[[Any], None]

UNSENDABLE = (ValueError, TypeError, OverflowError)
"""What the packer raises for values that the wire cannot carry."""


def default_identity() -> str:
    """Who sends, as histories show it: `pid@host`."""
    return f"{os.getpid()}@{socket.gethostname()}"


class Transport:
    """Requests to a cluster and their replies. Made by `open_transport`, or over a broker at hand by `start`.

    Attributes:
        broker: The broker, already connected; closed with the transport.
        cluster: How requests are routed; replaced when the cluster says that it has changed.
        sender: The unique name of the reply stream.
        identity: Who sends, as histories show it.
        address: The broker's address, without a password.
        epoch: The identity of the server's data, as it was last seen.
        open_leases: Opens a connection for renewing leases from another thread; the caller closes it.
        environment: The clocks, tasks and threads that this connection and its workers use.
    """

    def __init__(
        self,
        broker: Broker,
        cluster: ClusterInfo,
        *,
        address: str,
        open_leases: Callable[[], Leases],
        identity: str | None = None,
        environment: Environment | None = None,
    ) -> None:
        self.environment = environment or RealEnvironment()
        self.broker = broker
        self.cluster = cluster
        self.identity = identity or default_identity()
        self.sender = f"{self.identity}/{self.environment.unique_name()}"
        self.address = address
        self.open_leases = open_leases
        self._unanswered = UnansweredRequests(self.environment.random)
        self._outgoing = Outgoing()
        self._outgoing_ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._subscribers: list[OnPush] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._cursor = b"0-0"
        self.epoch = ""
        self._trouble: dict[str, str] = {}  # what is wrong, by loop
        self._is_closed = False
        self._has_heard = False

    async def start(self) -> None:
        """Make the reply stream and begin to send and read.

        Raises:
            BrokerUnavailable: the server went away.
        """
        self.epoch = await self.broker.epoch()
        await self.broker.open_replies(self.sender, _REPLIES_TTL_MS)
        steps = {"sender": self._send, "reader": self._read, "sweeper": self._sweep, "tender": self._tend}
        self._tasks = [self.environment.spawn(self._run_forever(name, step), name=name) for name, step in steps.items()]

    async def close(self) -> None:
        """Stop. Whoever still waits for a reply gets an `RPCError` (CANCELLED)."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiter in self._unanswered.give_up_all():
            if isinstance(waiter, asyncio.Future) and not waiter.done():
                waiter.set_exception(_closed_error())
        try:
            await self.broker.close_replies(self.sender)
        except BrokerUnavailable:
            logger.debug("The reply stream is left to expire: the server is gone.")
        await self.broker.close()

    # Requests --------------------------------------------------------------------------------------------------------
    def shard_id(self, namespace: str, workflow_id: str) -> int:
        """The shard that owns an execution."""
        return shard_id_for(namespace, workflow_id, self.cluster.shard_count)

    def submit(
        self,
        shard_id: int,
        request: Any,
        timeout_s: float | None = TIMEOUT_S,
        content: ContentBlock | None = None,
    ) -> asyncio.Future[Reply]:
        """Send a request; the future holds its last reply, of whatever kind (an ERROR is a reply, not an exception).

        A `StartWorkflow` with `wait_result` and an `AwaitResult` have their last reply when the run closes; `timeout_s`
        bounds the time until the first one. None: wait for ever. `content` is what its values refer to.

        Raises (through the future):
            RPCError: UNAVAILABLE or DEADLINE_EXCEEDED after `timeout_s`, CANCELLED when the transport is closed.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._is_closed:
            future.set_exception(_closed_error())
            return future
        now = self._loop.time()
        deadline = float("inf") if timeout_s is None else now + timeout_s
        row = self._unanswered.add(shard_id, request, future, now, deadline, content)
        self._enqueue(shard_id, row)
        if timeout_s is not None and timeout_s < 2 * _SWEEP_S:
            self._loop.call_later(timeout_s, self._give_up_expired)
        return future

    def post(self, shard_id: int, request: Any, on_reply: OnReply, content: ContentBlock | None = None) -> None:
        """Send a request for as long as it takes; `on_reply(kind, body)` is called once, with its last reply.

        A `RespondWorkflowTaskCompleted` must hold its commands as numbered pairs (`encode_envelope`).
        """
        if not self._is_closed:
            row = self._unanswered.add(shard_id, request, on_reply, self._loop.time(), float("inf"), content)
            self._enqueue(shard_id, row)

    def submit_frontend(self, request: FrontendRequest, timeout_s: float | None = TIMEOUT_S) -> asyncio.Future[Reply]:
        """Send what any engine may answer; else as `submit`."""
        return self.submit(FRONTEND, request, timeout_s)

    async def queue_state(self, stream: TaskStream, timeout_s: float = TIMEOUT_S) -> QueueState:
        """What the broker knows of a task queue: its depth, and the workers that poll it.

        Raises:
            RPCError: UNAVAILABLE, after `timeout_s`.
        """
        deadline = self._loop.time() + timeout_s
        wait_s = _RETRY_MIN_S
        while True:
            try:
                return await self.broker.queue_state(stream)
            except BrokerUnavailable as error:
                if self._loop.time() + wait_s >= deadline:
                    raise RPCError(
                        f"Redis at {self.address} cannot be reached ({error}).", RPCStatusCode.UNAVAILABLE
                    ) from error
            await asyncio.sleep(wait_s * self.environment.random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, _RETRY_MAX_S)

    @property
    def is_unheard(self) -> bool:
        """Something was asked, and no engine has ever said a word on this connection."""
        return bool(len(self._unanswered)) and not self._has_heard

    def on_push(self, callback: OnPush) -> Callable[[], None]:
        """Have `callback(body)` called with every push; the returned function ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def _enqueue(self, shard_id: int, row: Row) -> None:
        if not self._outgoing:
            self._outgoing_ready.set()
        self._outgoing.append(shard_id, row)

    # The sender ------------------------------------------------------------------------------------------------------
    async def _send(self) -> None:
        await self._outgoing_ready.wait()
        self._outgoing_ready.clear()
        await asyncio.sleep(0)  # the rest of this loop turn may have more to send
        rows = self._outgoing.take()
        try:
            await self._send_rows(rows)
        except BaseException:
            for shard_id, unsent in rows.items():
                for row in unsent:
                    if row[0] in self._unanswered:
                        self._enqueue(shard_id, row)
            raise

    async def _send_rows(self, rows: dict[int, list[Row]]) -> None:
        def encode(some: Any) -> bytes:
            return encode_envelope(self.cluster.map_version, self.sender, some)

        def encode_frontend(some: Any) -> bytes:
            return encode_frontend_envelope(self.sender, some)

        try:
            entries = [
                (shard_id, data)
                for shard_id, some in rows.items()
                if shard_id != FRONTEND
                for data in envelopes(some, encode)
            ]
            asked = envelopes(rows.get(FRONTEND, ()), encode_frontend)
        except UNSENDABLE:
            self._sort_out(rows, encode, encode_frontend)
            return
        async with asyncio.timeout(_STUCK_S):
            if entries:
                await self.broker.send(entries)
            for data in asked:
                await self.broker.send_frontend(data)

    def _sort_out(
        self, rows: dict[int, list[Row]], encode: Callable[[Any], bytes], encode_frontend: Callable[[Any], bytes]
    ) -> None:
        """One of these requests cannot be written (text that is no Unicode, a number beyond 64 bits): tell whoever
        waits for it, and send the others."""
        for shard_id, some in rows.items():
            for row in some:
                try:
                    (encode_frontend if shard_id == FRONTEND else encode)([row])
                except UNSENDABLE as error:
                    self._refuse(row, f"a {type(row[2]).__name__} cannot be sent: {error}")
                else:
                    self._enqueue(shard_id, row)

    def _refuse(self, row: Row, message: str) -> None:
        waiter = self._unanswered.give_up(row[0])
        if isinstance(waiter, asyncio.Future):
            if not waiter.done():
                waiter.set_exception(RPCError(message, RPCStatusCode.INVALID_ARGUMENT))
        elif waiter is not None:
            self._hand(row[0], waiter, ReplyKind.ERROR, unpack(pack(ErrorReply(ErrorCode.INVALID_ARGUMENT, message))))

    # The reader ------------------------------------------------------------------------------------------------------
    async def _read(self) -> None:
        async with asyncio.timeout(_STUCK_S):
            entries = await self.broker.read_replies(self.sender, self._cursor, block_ms=_BLOCK_MS)
        for entry_id, data in entries:
            self._cursor = entry_id
            self._take(data)
        if self._unanswered.is_misrouted:
            await self._reroute()

    def _take(self, data: bytes) -> None:
        """Hand the replies of one entry to those who wait for them."""
        self._has_heard = True
        now = self._loop.time()
        try:
            rows = decode_replies(data)
        except DecodeError as error:
            logger.error("A reply entry cannot be read (%s); what it answered is asked again.", error)
            self.post(_UNREADABLE_SHARD, ReportUnreadable("reply stream", str(error), data), _ignore)
            return
        answered = self._unanswered.answered
        for number, kind, body in rows:
            if number == 0:
                self._push(body)
                continue
            try:
                waiter = answered(number, kind, body, now)
            except DecodeError as error:
                logger.error("The reply to request %d cannot be read (%s); it is asked again.", number, error)
                continue
            if waiter is None:
                continue
            if isinstance(waiter, asyncio.Future):
                if not waiter.done():
                    waiter.set_result(Reply(kind, body))
            else:
                self._hand(number, waiter, kind, body)

    def _hand(self, number: int, receiver: OnReply, kind: int, body: Any) -> None:
        try:
            receiver(kind, body)
        except Exception:
            logger.exception("The receiver of the reply to request %d failed.", number)

    def _push(self, body: Any) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(body)
            except Exception:
                logger.exception("A receiver of pushes failed.")

    async def _reroute(self) -> None:
        cluster = await self.broker.cluster_info()
        if cluster is not None:
            self.cluster = cluster
            self._unanswered.reroute(cluster.shard_count)

    # Sweeper and tender ----------------------------------------------------------------------------------------------
    async def _sweep(self) -> None:
        """Look after the requests. No I/O: deadlines hold whatever the server does."""
        await asyncio.sleep(_SWEEP_S)
        self._give_up_expired()
        # While the server is away, what could not be sent waits in line already. A line that has become empty since,
        # because nobody waits for what was in it, must not keep the sender from trying again.
        if "sender" not in self._trouble or not self._outgoing:
            for shard_id, row in self._unanswered.due(self._loop.time()):
                self._enqueue(shard_id, row)

    async def _tend(self) -> None:
        """Look after the reply stream."""
        async with asyncio.timeout(_STUCK_S):
            was_missing = await self.broker.open_replies(self.sender, _REPLIES_TTL_MS)
            epoch = await self.broker.epoch()
        if was_missing or epoch != self.epoch:
            logger.warning("The server at %s lost our replies; all that is unanswered is sent again.", self.address)
            await self._reroute()
            self.epoch = epoch
            self._cursor = b"0-0"
            self._unanswered.hasten(self._loop.time())
        await asyncio.sleep(_TEND_S)

    def _give_up_expired(self) -> None:
        for waiter in self._unanswered.expired(self._loop.time()):
            if isinstance(waiter, asyncio.Future) and not waiter.done():
                waiter.set_exception(self._no_reply_error())

    def _no_reply_error(self) -> RPCError:
        if self._trouble:
            trouble = next(iter(self._trouble.values()))
            return RPCError(
                f"Redis at {self.address} cannot be reached ({trouble}). Check that it runs, and the address "
                "(--address, PERDURE_ADDRESS). The request may still take effect: repeat it with the same id.",
                RPCStatusCode.UNAVAILABLE,
            )
        return RPCError(
            f"No engine answered in time at {self.address}. Check that one runs (`perdure dev`, or `perdure engine "
            "--redis ...`) and that its database is up. The request may still take effect: repeat it with the same id.",
            RPCStatusCode.DEADLINE_EXCEEDED,
        )

    # Loops -----------------------------------------------------------------------------------------------------------
    async def _run_forever(self, name: str, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Repeat `step`; after a failure with backoff and jitter, for as long as it takes."""
        wait_s = _RETRY_MIN_S
        while True:
            try:
                await step()
            except BrokerUnavailable as error:
                self._lost(name, str(error))
            except TimeoutError:
                self._lost(name, f"no answer within {_STUCK_S:g} s")
            except Exception as error:
                logger.exception("The %s of the connection to %s failed.", name, self.address)
                self._lost(name, repr(error))
            else:
                wait_s = _RETRY_MIN_S
                if self._trouble:
                    self._found(name)
                continue
            await asyncio.sleep(wait_s * self.environment.random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, _RETRY_MAX_S)

    def _lost(self, name: str, trouble: str) -> None:
        if not self._trouble:
            logger.warning("Lost the server at %s (%s); trying again.", self.address, trouble)
        self._trouble[name] = trouble

    def _found(self, name: str) -> None:
        if self._trouble.pop(name, None) is not None and not self._trouble:
            logger.info("Reached the server at %s again.", self.address)


def _ignore(kind: int, body: Any) -> None:
    """For a report that nobody waits for."""


def _closed_error() -> RPCError:
    return RPCError("The connection was closed while a reply was awaited.", RPCStatusCode.CANCELLED)
