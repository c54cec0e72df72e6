"""Leases of the tasks that a worker holds, renewed from a thread of their own.

Role: a stream entry counts as lost when nobody renews it for as long as its lease. The thread renews what is older than
a third of it, so that a short task costs nothing, and user code that blocks the event loop costs no lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence

from perdure.transport.environment import Beat, Environment
from perdure_broker.port import BrokerUnavailable, Leases

logger = logging.getLogger("perdure.worker")

_RENEW_PART = 3
"""An entry is renewed when it is older than the lease divided by this."""

_WAKE_PART = 9
"""The thread looks this often within a lease: an entry is renewed at the latest at 1/3 + 1/9 of it."""

Entry = tuple[bytes, bytes]
"""Stream key and entry id."""


class LeaseKeeper:
    """Holds entries until they are released; all methods are for the event loop's thread.

    Attributes:
        lease_ms: The shortest lease of the worker's streams, as their queue announced it.
    """

    def __init__(
        self,
        worker: str,
        open_leases: Callable[[], Leases],
        lost: Callable[[list[Entry]], None],
        lease_ms: int,
        environment: Environment,
    ) -> None:
        """`lost` is called from the thread, with entries that have come to belong to somebody else."""
        self.lease_ms = lease_ms
        self._announced: dict[Hashable, int] = {}
        self._worker = worker
        self._open_leases = open_leases
        self._lost = lost
        self._held: dict[Entry, float] = {}
        self._renewed: dict[Entry, float] = {}  # the thread's own
        self._leases: Leases | None = None  # the thread's own
        self._environment = environment
        self._now = environment.monotonic
        self._beat: Beat | None = None

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        self._beat = self._environment.beat(
            self._renew_due, lambda: self.lease_ms / 1000 / _WAKE_PART, name="perdure-leases", ended=self._close
        )

    def stop(self) -> None:
        """End the thread. What is still held lapses by itself."""
        if self._beat is not None:
            self._beat.stop()

    def lease_announced(self, stream: Hashable, lease_ms: int) -> None:
        """A stream's queue said how long its leases are."""
        self._announced[stream] = lease_ms
        self.lease_ms = min(self._announced.values())

    def hold(self, stream: bytes, entry_id: bytes) -> None:
        """An entry was read just now."""
        self._held[stream, entry_id] = self._now()

    def release(self, stream: bytes, entry_id: bytes) -> None:
        """The engine has what became of the entry."""
        self._held.pop((stream, entry_id), None)

    def confirm(self, entries: Sequence[Entry]) -> set[Entry]:
        """Renew entries now and return those that are still this worker's. Blocks: for a thread of its own.

        Raises:
            BrokerUnavailable: the server cannot be asked.
        """
        streams: dict[bytes, list[bytes]] = {}
        for stream, entry_id in entries:
            streams.setdefault(stream, []).append(entry_id)
        leases = self._open_leases()
        try:
            gone = leases.renew(self._worker, streams)
        finally:
            leases.close()
        return set(entries) - {(stream, entry_id) for stream, lost in gone.items() for entry_id in lost}

    # The thread ------------------------------------------------------------------------------------------------------
    def _renew_due(self) -> None:
        due = self._due()
        if not due:
            return
        if self._leases is None:
            self._leases = self._open_leases()
        self._renew(self._leases, due)

    def _close(self) -> None:
        if self._leases is not None:
            self._leases.close()

    def _due(self) -> dict[bytes, list[bytes]]:
        """What is older than a third of its lease, by stream."""
        before = self._now() - self.lease_ms / 1000 / _RENEW_PART
        held = self._snapshot()
        for entry in [entry for entry in self._renewed if entry not in held]:
            del self._renewed[entry]
        due: dict[bytes, list[bytes]] = {}
        for entry, since in held.items():
            if self._renewed.get(entry, since) < before:
                due.setdefault(entry[0], []).append(entry[1])
        return due

    def _snapshot(self) -> dict[Entry, float]:
        while True:
            try:
                return self._held.copy()
            except RuntimeError:  # changed while it was copied
                continue

    def _renew(self, leases: Leases, due: dict[bytes, list[bytes]]) -> None:
        now = self._now()
        try:
            gone = leases.renew(self._worker, due)
        except BrokerUnavailable as error:
            logger.warning("Leases could not be renewed (%s); trying again.", error)
            return
        for stream, entry_ids in due.items():
            for entry_id in entry_ids:
                self._renewed[stream, entry_id] = now
        lost = [(stream, entry_id) for stream, entry_ids in gone.items() for entry_id in entry_ids]
        if lost:
            self._lost(lost)
