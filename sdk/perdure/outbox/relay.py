"""`OutboxRelay`: takes what transactions have left in an outbox to a cluster.

Role: one loop that takes rows, has them delivered, and settles them, each batch in one transaction; and one that
listens for the notifications that Postgres delivers with commits.

Rules:
- A row is gone when an engine has confirmed its start, and not before: a relay that dies in between leaves it, and
  another one sends it again, to no effect.
- Several relays share the work, since each skips the rows that another one has. Nobody keeps a place up to which he
  has read: transactions commit in another order than that of their rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from perdure.client import Client
from perdure.outbox.delivery import ANSWER_TIMEOUT_S, Delivery, Fate, Verdict
from perdure.outbox.driver import OutboxUnavailable, connect, explained, load_driver
from perdure.outbox.statements import statement

if TYPE_CHECKING:
    import psycopg

logger = logging.getLogger("perdure.outbox")

BATCH_ROWS = 500
BATCH_BYTES = 8 * 1024 * 1024
"""What one transaction takes at most; more than a single large start, which is taken alone."""

POLL_INTERVAL = timedelta(seconds=0.5)
"""Who is not told finds a row within a second."""

RETRY_MIN_S = 0.5
RETRY_MAX_S = 30.0
"""Between attempts at a start, and at a database that is away."""

AWAY_MAX_S = 2.0
"""Between attempts when no engine answers; each of them waits for answers already."""


class OutboxRelay:
    """Takes starts from the outbox in one database to the cluster of one client, for all namespaces.

    Use `await relay.run()`, or `async with relay:`; run several, in several processes, against failures of one.
    """

    def __init__(
        self,
        client: Client,
        postgres_dsn: str,
        *,
        poll_interval: timedelta = POLL_INTERVAL,
        answer_timeout: timedelta = timedelta(seconds=ANSWER_TIMEOUT_S),
    ) -> None:
        """Make a relay.

        Args:
            client: Of the cluster; its namespace, converter and interceptors do not matter: rows hold all that.
            postgres_dsn: Where the outbox is: the database of the application. It must be reached directly, or
                through a pooler that keeps sessions, for notifications to arrive; else they are found by looking.
            poll_interval: How often to look when nobody tells.
            answer_timeout: How long a start may hold up its neighbours; then it is put back, and sent again later.
        """
        for name, value in (("poll_interval", poll_interval), ("answer_timeout", answer_timeout)):
            if value <= timedelta():
                raise ValueError(f"{name} must be more than nothing, not {value}")
        self._environment = client.transport.environment
        self._delivery = Delivery(client.transport, answer_timeout.total_seconds())
        self._dsn = postgres_dsn
        self._poll_s = poll_interval.total_seconds()
        self._told = asyncio.Event()
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_started = False
        self._running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until `shutdown` is called. A server that goes away is waited for.

        Raises:
            OutboxUnavailable: the database cannot be used at the start, or there is no table.
            DriverMissing: psycopg is not installed.
            RPCError: the client was closed.
        """
        if self._is_started:
            raise RuntimeError("a relay runs once; make another one")
        self._is_started = True
        listening: asyncio.Task[None] | None = None
        try:
            connection = await connect(self._dsn)
            listening = self._environment.spawn(self._again_and_again(self._listen, "listening"), name="outbox-listen")
            await self._work(connection)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.wait([listening])
            self._ended.set()

    async def shutdown(self) -> None:
        """Finish what is out, then end; returns when it has ended."""
        self._ask_to_stop()
        if self._is_started:
            await self._ended.wait()

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("a relay runs once; make another one")
        self._running = self._environment.spawn(self.run(), name="outbox-relay")
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        self._ask_to_stop()
        await self._running

    def _ask_to_stop(self) -> None:
        self._stop.set()
        self._told.set()

    # Taking ----------------------------------------------------------------------------------------------------------
    async def _work(self, connection: psycopg.AsyncConnection[Any]) -> None:
        first: psycopg.AsyncConnection[Any] | None = connection

        async def drain() -> None:
            nonlocal first
            async with first or await connect(self._dsn) as current:
                first = None
                await self._drain(current)

        await self._again_and_again(drain, "draining")

    async def _drain(self, connection: psycopg.AsyncConnection[Any]) -> None:
        failures = 0
        while not self._stop.is_set():
            self._told.clear()
            if self._stop.is_set():
                return
            taken, is_away = await self._batch(connection)
            failures = failures + 1 if is_away else 0
            if is_away:
                await _until(self._stop, self._backoff_s(failures, AWAY_MAX_S))
            elif taken == 0:
                await _until(self._told, self._poll_s)

    async def _batch(self, connection: psycopg.AsyncConnection[Any]) -> tuple[int, bool]:
        """Take, deliver and settle a batch. Returns the rows taken, and whether none of them was answered: then they
        are where they were."""
        driver = load_driver()
        async with explained(), connection.transaction():
            cursor = connection.cursor(row_factory=driver.rows.dict_row, binary=True)
            await cursor.execute(statement("take"), {"count": BATCH_ROWS, "bytes": BATCH_BYTES})
            rows = await cursor.fetchall()
            if not rows:
                return 0, False
            verdicts = await self._delivery.deliver([row["request"] for row in rows])
            if all(verdict.fate is Fate.UNANSWERED for verdict in verdicts):
                logger.warning("No start of %d was answered: %s", len(rows), verdicts[0].reason)
                raise driver.Rollback
            kept = [self._kept(row, verdict) for row, verdict in zip(rows, verdicts, strict=True) if verdict.reason]
            if kept:
                await cursor.executemany(statement("put_back"), kept)
            return len(rows), False
        return len(rows), True

    def _kept(self, row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
        """What is put back of a row that is not done."""
        attempts = row["attempts"] + 1
        is_refused = verdict.fate is Fate.REFUSED
        if is_refused:
            logger.warning(
                "The start of %s %r (row %d) was refused and is kept: %s",
                row["kind"],
                row["execution_id"],
                row["id"],
                verdict.reason,
            )
        return {
            **row,
            "attempts": attempts,
            "refused": is_refused,
            "wait_s": self._backoff_s(attempts),
            "reason": verdict.reason.replace("\0", ""),
        }

    def _backoff_s(self, attempts: int, max_s: float = RETRY_MAX_S) -> float:
        longest: float = min(max_s, RETRY_MIN_S * 2 ** min(attempts - 1, 10))
        return longest * self._environment.random.uniform(0.5, 1.0)

    # Listening -------------------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        async with await connect(self._dsn) as connection:
            await connection.execute(statement("listen"))
            self._told.set()  # what was said before is not heard
            async for _ in connection.notifies():
                self._told.set()

    async def _again_and_again(self, step: Callable[[], Awaitable[None]], what: str) -> None:
        """Until asked to stop, or until `step` returns; a database that went away is waited for."""
        driver = load_driver()
        failures = 0
        while not self._stop.is_set():
            began = self._environment.monotonic()
            try:
                await step()
                return
            except (driver.OperationalError, driver.InternalError, driver.InterfaceError) as error:
                trouble = _line(error)
            except OutboxUnavailable as error:
                if not isinstance(error.__cause__, driver.OperationalError):
                    raise
                trouble = _line(error)
            if self._environment.monotonic() - began > RETRY_MAX_S:
                failures = 0
            failures += 1
            wait_s = self._backoff_s(failures)
            if self._stop.is_set():
                return
            logger.warning("The outbox's %s ended (%s); again in %.1f s.", what, trouble, wait_s)
            await _until(self._stop, wait_s)


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


def _line(error: Exception) -> str:
    """What went wrong, on one line of a log."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__
