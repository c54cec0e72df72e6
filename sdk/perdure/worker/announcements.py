"""Leases that a worker holds by name: of attempts that it runs although the server lost their entries.

Role: after the server lost data, an attempt that runs here is announced, so that nobody else is given it, and its lease
is renewed by its name from then on. For the thread of the lease keeper; knows entries by their bytes alone.

Rules: only activities are announced: they have side effects. A workflow task that was lost is published again, and the
engine takes the first completion.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from perdure.protocol.codec import DecodeError
from perdure.protocol.tasks import ActivityTask, decode_task, task_member
from perdure_broker.port import Leases, RunningTask

Entry = tuple[bytes, bytes]
"""Stream key and entry id."""


class Announcements:
    """What is held by name, by the entry that it was taken from."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._members: dict[Entry, str] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._members

    def announce(self, leases: Leases, held: Mapping[Entry, bytes]) -> list[Entry]:
        """Announce the activities among these entries, given with their data. Those whose entries are still there keep
        their leases. Returns all that are activities.

        Raises:
            BrokerUnavailable: announce them again.
        """
        streams: dict[bytes, list[RunningTask]] = {}
        entries: dict[tuple[bytes, str], Entry] = {}
        for entry, data in held.items():
            task = _activity(data)
            if task is not None:
                member = task_member(task.run_id, task.scheduled_event_id, task.attempt)
                key = task.fairness.key if task.fairness is not None else ""
                streams.setdefault(entry[0], []).append(RunningTask(entry[1], data, member, task.shard_id, key))
                entries[entry[0], member] = entry
        by_name = leases.announce(self._worker, streams) if streams else {}
        for entry in entries.values():
            self._members.pop(entry, None)
        for stream, members in by_name.items():
            for member in members:
                self._members[entries[stream, member]] = member
        return list(entries.values())

    def renew(self, leases: Leases, due: Iterable[Entry]) -> list[Entry]:
        """Renew those of the entries that are held by name. Returns those that are not this worker's any more; they are
        forgotten.

        Raises:
            BrokerUnavailable: renew them again.
        """
        entries = {(entry[0], self._members[entry]): entry for entry in due if entry in self._members}
        gone = leases.renew_announced(self._worker, _by_stream(entries)) if entries else {}
        lost = [entries[stream, member] for stream, members in gone.items() for member in members]
        for entry in lost:
            del self._members[entry]
        return lost

    def withdraw(self, leases: Leases, held: Container[Entry]) -> None:
        """Give up what is not held any more.

        Raises:
            BrokerUnavailable: withdraw again.
        """
        over = {(entry[0], member): entry for entry, member in self._members.items() if entry not in held}
        if over:
            leases.withdraw_announced(self._worker, _by_stream(over))
            for entry in over.values():
                del self._members[entry]


def _activity(data: bytes) -> ActivityTask | None:
    try:
        task = decode_task(data)
    except DecodeError:
        return None  # what cannot be read here does not run here
    return task if isinstance(task, ActivityTask) else None


def _by_stream(members: Iterable[tuple[bytes, str]]) -> dict[bytes, list[str]]:
    streams: dict[bytes, list[str]] = {}
    for stream, member in members:
        streams.setdefault(stream, []).append(member)
    return streams
