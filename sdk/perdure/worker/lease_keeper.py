"""Leases of the tasks that a worker holds, renewed from a thread of their own.

Role: a stream entry counts as lost when nobody renews it for as long as its lease. The thread renews what is older than
a third of it, so that a short task costs nothing, and user code that blocks the event loop costs no lease.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence

from perdure_broker.port import BrokerUnavailable, Leases

logger = logging.getLogger("perdure.worker")

_RENEW_PART = 3
"""An entry is renewed when it is older than the lease divided by this."""

_WAKE_PART = 9
"""The thread looks this often within a lease: an entry is renewed at the latest at 1/3 + 1/9 of it."""

_JOIN_TIMEOUT_S = 5.0

Entry = tuple[bytes, bytes]
"""Stream key and entry id."""

_monotonic = time.monotonic


class LeaseKeeper:
    """Holds entries until they are released; all methods are for the event loop's thread.

    Attributes:
        lease_ms: The shortest lease of the worker's streams, as their queue announced it.
    """

    def __init__(
        self, worker: str, open_leases: Callable[[], Leases], lost: Callable[[list[Entry]], None], lease_ms: int
    ) -> None:
        """`lost` is called from the thread, with entries that have come to belong to somebody else."""
        self.lease_ms = lease_ms
        self._announced: dict[Hashable, int] = {}
        self._worker = worker
        self._open_leases = open_leases
        self._lost = lost
        self._held: dict[Entry, float] = {}
        self._renewed: dict[Entry, float] = {}  # the thread's own
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-leases", daemon=True)

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What is still held lapses by itself."""
        self._stop.set()
        self._thread.join(_JOIN_TIMEOUT_S)

    def lease_announced(self, stream: Hashable, lease_ms: int) -> None:
        """A stream's queue said how long its leases are."""
        self._announced[stream] = lease_ms
        self.lease_ms = min(self._announced.values())

    def hold(self, stream: bytes, entry_id: bytes) -> None:
        """An entry was read just now."""
        self._held[stream, entry_id] = _monotonic()

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
    def _run(self) -> None:
        leases: Leases | None = None
        try:
            while not self._stop.wait(self.lease_ms / 1000 / _WAKE_PART):
                due = self._due()
                if not due:
                    continue
                if leases is None:
                    leases = self._open_leases()
                self._renew(leases, due)
        except Exception:
            logger.exception("The thread that renews leases ended: long tasks of this worker will be given to others.")
        finally:
            if leases is not None:
                leases.close()

    def _due(self) -> dict[bytes, list[bytes]]:
        """What is older than a third of its lease, by stream."""
        before = _monotonic() - self.lease_ms / 1000 / _RENEW_PART
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
        now = _monotonic()
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
