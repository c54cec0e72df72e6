"""Leases of the tasks that a worker holds, renewed from a thread of their own.

Role: a stream entry counts as lost when nobody renews it for as long as its lease. The thread renews what is older than
a third of it, so that a short task costs nothing, and user code that blocks the event loop costs no lease. When the
server has lost its data, the thread announces at once what runs here (`announcements`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from perdure.transport.environment import Beat, Environment
from perdure.worker.announcements import Announcements, Entry
from perdure_broker.port import BrokerUnavailable, Leases, TaskEntry

__all__ = ["Entry", "LeaseKeeper"]

logger = logging.getLogger("perdure.worker")

_RENEW_PART = 3
"""An entry is renewed when it is older than the lease divided by this."""

_WAKE_PART = 9
"""The thread looks this often within a lease: an entry is renewed at the latest at 1/3 + 1/9 of it."""

_LOOK_S = 1.0
"""The thread looks at least this often whether the server lost its data. Engines give workers a few seconds to announce
what they run, before they publish again what nobody has reported."""


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
        *,
        epoch: str = "",
    ) -> None:
        """`epoch` is that of the server's data before anything was taken from it. `lost` is called from the thread with
        entries that are not this worker's any more, or that were announced: the engine knows whether it still wants
        them."""
        self.lease_ms = lease_ms
        self._lease_of: dict[Hashable, int] = {}
        self._worker = worker
        self._open_leases = open_leases
        self._lost = lost
        self._held: dict[Entry, tuple[float, bytes]] = {}
        self._until: dict[Entry, float] = {}
        self._doubted: deque[Entry] = deque()
        self._environment = environment
        self._now = environment.monotonic
        self._beat: Beat | None = None
        # The thread's own:
        self._renewed: dict[Entry, float] = {}
        self._overdue: dict[Entry, bool] = {}
        self._leases: Leases | None = None
        self._announcements = Announcements(worker)
        self._epoch = epoch
        self._is_away = False

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        self._beat = self._environment.beat(
            self._look,
            lambda: min(self.lease_ms / 1000 / _WAKE_PART, _LOOK_S),
            name="perdure-leases",
            ended=self._close,
        )

    def stop(self) -> None:
        """End the thread. What is still held lapses by itself."""
        if self._beat is not None:
            self._beat.stop()

    def lease_announced(self, stream: Hashable, lease_ms: int) -> None:
        """A stream's queue said how long its leases are."""
        self._lease_of[stream] = lease_ms
        self.lease_ms = min(self._lease_of.values())

    def hold(self, entry: TaskEntry) -> None:
        """An entry was read just now."""
        self._held[entry.stream, entry.entry_id] = (self._now(), entry.data)

    def bound(self, stream: bytes, entry_id: bytes, seconds: float) -> None:
        """Keep a held entry for so long from now on, unless it is `answered` before: then others may have it."""
        self._until[stream, entry_id] = self._now() + seconds

    def answered(self, stream: bytes, entry_id: bytes) -> None:
        """The entry's task is done, if the engine does not know yet: it is kept for as long as that takes."""
        self._until.pop((stream, entry_id), None)

    def release(self, stream: bytes, entry_id: bytes) -> None:
        """The engine has what became of the entry."""
        entry = (stream, entry_id)
        self._held.pop(entry, None)
        self._until.pop(entry, None)

    def doubt(self, stream: bytes, entry_id: bytes) -> None:
        """Whether a held entry is still there is not known, and its attempt goes on: announce it soon."""
        self._doubted.append((stream, entry_id))

    def confirm(self, entries: Sequence[Entry]) -> set[Entry]:
        """Renew entries now and return those that are still this worker's. Blocks: for a thread of its own.

        Raises:
            BrokerUnavailable: the server cannot be asked.
        """
        leases = self._open_leases()
        try:
            gone = leases.renew(self._worker, _by_stream(entries))
        finally:
            leases.close()
        return set(entries) - {(stream, entry_id) for stream, lost in gone.items() for entry_id in lost}

    # The thread ------------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        held = self._snapshot()
        if not held and not self._announcements:
            return
        if self._leases is None:
            self._leases = self._open_leases()
        try:
            self._look_after(self._leases, held)
        except BrokerUnavailable as error:
            if not self._is_away:
                logger.warning("Leases could not be renewed (%s); trying again.", error)
            self._is_away = True
        else:
            self._is_away = False

    def _close(self) -> None:
        if self._leases is None:
            return
        try:
            self._announcements.withdraw(self._leases, self._snapshot())
        except BrokerUnavailable as error:
            logger.debug("What was announced lapses by itself: %s", error)
        self._leases.close()

    def _look_after(self, leases: Leases, held: Mapping[Entry, tuple[float, bytes]]) -> None:
        self._announcements.withdraw(leases, held)
        epoch = leases.epoch()
        if self._epoch not in ("", epoch):
            entries = self._announcements.announce(leases, {entry: data for entry, (_, data) in held.items()})
            logger.warning("The server lost data; %d activities that run here have been announced.", len(entries))
            self._lost(entries)
        self._epoch = epoch
        doubted = list(self._doubted)
        self._announcements.announce(leases, {entry: held[entry][1] for entry in doubted if entry in held})
        for _ in doubted:
            self._doubted.popleft()
        due = self._due(held)
        if due:
            self._renew(leases, due)

    def _due(self, held: Mapping[Entry, tuple[float, bytes]]) -> list[Entry]:
        """What is older than a third of its lease."""
        before = self._now() - self.lease_ms / 1000 / _RENEW_PART
        for known in (self._renewed, self._overdue):
            for entry in [entry for entry in known if entry not in held]:
                del known[entry]
        due = [entry for entry, (since, _) in held.items() if self._renewed.get(entry, since) < before]
        return [entry for entry in due if not self._is_overdue(entry)] if self._until else due

    def _is_overdue(self, entry: Entry) -> bool:
        """Whether its time is over; said once."""
        until = self._until.get(entry)
        if until is None or until >= self._now():
            return False
        if entry not in self._overdue:
            self._overdue[entry] = True
            logger.warning(
                "Workflow task %s was not answered within its timeout (its code takes too long, or something blocks "
                "the event loop); its lease is not renewed any more, so that another worker can take it.",
                entry[1].decode(),
            )
        return True

    def _snapshot(self) -> dict[Entry, tuple[float, bytes]]:
        while True:
            try:
                return self._held.copy()
            except RuntimeError:  # changed while it was copied
                continue

    def _renew(self, leases: Leases, due: Sequence[Entry]) -> None:
        now = self._now()
        by_name = [entry for entry in due if entry in self._announcements]
        gone = leases.renew(self._worker, _by_stream(entry for entry in due if entry not in self._announcements))
        lost = [(stream, entry_id) for stream, entry_ids in gone.items() for entry_id in entry_ids]
        lost += self._announcements.renew(leases, by_name)
        self._renewed.update(dict.fromkeys(due, now))
        # In another epoch they were not taken from this worker, but lost: the next look announces them.
        if lost and leases.epoch() == self._epoch:
            self._lost(lost)


def _by_stream(entries: Iterable[Entry]) -> dict[bytes, list[bytes]]:
    streams: dict[bytes, list[bytes]] = {}
    for stream, entry_id in entries:
        streams.setdefault(stream, []).append(entry_id)
    return streams
