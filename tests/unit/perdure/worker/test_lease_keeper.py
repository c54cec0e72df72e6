"""Leases, renewed from a thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from perdure.protocol.tasks import encode_task, task_member
from perdure.transport import RealEnvironment
from perdure.worker.lease_keeper import Entry, LeaseKeeper
from perdure_broker.port import BrokerUnavailable, RunningTask, TaskEntry
from tests.waiting import wait_until_blocking
from tests.worker_stage import activity_task


class Leases:
    """Counts renewals; may lose entries or all of its data, or be away."""

    def __init__(self) -> None:
        self.renewed: list[tuple[bytes, bytes]] = []
        self.gone: dict[bytes, list[bytes]] = {}
        self.is_away = False
        self.is_closed = False
        self.thread_name = ""
        self.data = "epoch 1"
        self.announced: list[dict[bytes, list[str]]] = []
        self.renewed_by_name: list[str] = []
        self.gone_by_name: dict[bytes, list[str]] = {}
        self.withdrawn: list[str] = []

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        assert worker == "me"
        self.thread_name = threading.current_thread().name
        if self.is_away:
            self.is_away = False
            raise BrokerUnavailable("away")
        self.renewed += [(stream, entry) for stream, found in entries.items() for entry in found]
        return self.gone

    def epoch(self) -> str:
        return self.data

    def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        self.announced.append({stream: [task.member for task in running] for stream, running in tasks.items()})
        return self.announced[-1]

    def renew_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        self.renewed_by_name += [member for some in members.values() for member in some]
        return self.gone_by_name

    def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        self.withdrawn += [member for some in members.values() for member in some]

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def leases() -> Leases:
    return Leases()


def _keeper(leases: Leases, lost: list[Entry], lease_ms: int = 90) -> LeaseKeeper:
    return LeaseKeeper("me", lambda: leases, lost.extend, lease_ms, RealEnvironment())


def test_what_lasts_is_renewed_again_and_again(leases: Leases) -> None:
    keeper = _keeper(leases, [])
    keeper.start()
    keeper.hold(TaskEntry(b"s", b"1", b""))
    wait_until_blocking(lambda: len(leases.renewed) >= 3, what="three renewals", timeout_seconds=5)
    keeper.release(b"s", b"1")
    keeper.release(b"s", b"1")
    assert len(keeper) == 0
    keeper.stop()
    assert leases.thread_name == "perdure-leases"
    assert leases.is_closed
    assert set(leases.renewed) == {(b"s", b"1")}


def test_what_is_short_is_never_renewed(leases: Leases) -> None:
    keeper = _keeper(leases, [], 600_000)
    keeper.start()
    keeper.hold(TaskEntry(b"s", b"1", b""))
    keeper.release(b"s", b"1")
    keeper.stop()
    assert not leases.renewed


def test_a_server_that_is_away_is_asked_again(leases: Leases, caplog: pytest.LogCaptureFixture) -> None:
    leases.is_away = True
    keeper = _keeper(leases, [])
    keeper.hold(TaskEntry(b"s", b"1", b""))
    keeper.start()
    wait_until_blocking(lambda: bool(leases.renewed), what="a renewal", timeout_seconds=5)
    keeper.stop()
    assert "could not be renewed (away)" in caplog.text


def test_the_shortest_lease_counts(leases: Leases) -> None:
    keeper = _keeper(leases, [], 30_000)
    for stream, lease_ms in (("a", 5_000), ("b", 2_000), ("b", 9_000)):
        keeper.lease_announced(stream, lease_ms)
    assert keeper.lease_ms == 5_000


def test_confirming_tells_what_is_still_ours(leases: Leases) -> None:
    keeper = _keeper(leases, [])
    leases.gone = {b"s": [b"1"]}
    assert keeper.confirm([(b"s", b"1"), (b"s", b"2"), (b"t", b"1")]) == {(b"s", b"2"), (b"t", b"1")}
    assert leases.is_closed
    leases.is_away = True
    with pytest.raises(BrokerUnavailable):
        keeper.confirm([(b"s", b"2")])


def test_what_belongs_to_somebody_else_is_told(leases: Leases) -> None:
    leases.gone = {b"s": [b"1"]}
    lost: list[Entry] = []
    keeper = _keeper(leases, lost)
    keeper.hold(TaskEntry(b"s", b"1", b""))
    keeper.start()
    wait_until_blocking(lambda: bool(lost), what="a loss", timeout_seconds=5)
    keeper.stop()
    assert lost[0] == (b"s", b"1")


TASK = activity_task("work")
MEMBER = task_member(TASK.run_id, TASK.scheduled_event_id, TASK.attempt)
RUNNING = TaskEntry(b"s", b"1", encode_task(TASK))


def _has_looked(leases: Leases) -> None:
    wait_until_blocking(lambda: bool(leases.renewed), what="a look at the server", timeout_seconds=5)


def test_a_loss_of_the_servers_data_is_announced_once_and_told(leases: Leases) -> None:
    lost: list[Entry] = []
    keeper = _keeper(leases, lost)
    keeper.start()
    keeper.hold(RUNNING)
    _has_looked(leases)
    assert not leases.announced
    leases.data = "epoch 2"
    wait_until_blocking(lambda: len(leases.renewed_by_name) >= 2, what="renewals by name", timeout_seconds=5)
    before = len(leases.renewed)
    wait_until_blocking(lambda: len(leases.renewed_by_name) >= 4, what="more renewals by name", timeout_seconds=5)
    assert len(leases.renewed) == before, "what is held by name is renewed by its name alone"
    keeper.release(b"s", b"1")
    wait_until_blocking(lambda: bool(leases.withdrawn), what="what is over to be withdrawn", timeout_seconds=5)
    keeper.stop()
    assert leases.announced == [{b"s": [MEMBER]}]
    assert lost == [(b"s", b"1")]
    assert leases.withdrawn == [MEMBER]


def test_what_is_gone_in_a_new_epoch_was_lost_and_not_taken(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data went between the look at the epoch and the renewal."""
    lost: list[Entry] = []
    keeper = _keeper(leases, lost)

    def renew(worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        if not leases.announced and entries:
            leases.data = "epoch 2"
        return {stream: list(ids) for stream, ids in entries.items()}

    monkeypatch.setattr(leases, "renew", renew)
    keeper.start()
    keeper.hold(RUNNING)
    wait_until_blocking(lambda: bool(leases.renewed_by_name), what="a renewal by name", timeout_seconds=5)
    keeper.stop()
    assert leases.announced == [{b"s": [MEMBER]}]
    assert lost == [(b"s", b"1")], "told by the announcement alone"


def test_what_is_in_doubt_is_announced(leases: Leases) -> None:
    lost: list[Entry] = []
    keeper = _keeper(leases, lost)
    keeper.start()
    keeper.hold(RUNNING)
    keeper.doubt(b"s", b"1")
    keeper.doubt(b"s", b"over already")
    wait_until_blocking(lambda: bool(leases.renewed_by_name), what="a renewal by name", timeout_seconds=5)
    keeper.stop()
    assert leases.announced[0] == {b"s": [MEMBER]}
    assert not lost


def test_a_name_that_is_not_mine_any_more_is_told(leases: Leases) -> None:
    lost: list[Entry] = []
    keeper = _keeper(leases, lost)
    keeper.start()
    keeper.hold(RUNNING)
    keeper.doubt(b"s", b"1")
    leases.gone_by_name = {b"s": [MEMBER]}
    wait_until_blocking(lambda: bool(lost), what="a loss", timeout_seconds=5)
    keeper.stop()
    assert lost[0] == (b"s", b"1")


def test_what_was_announced_is_withdrawn_at_the_end(leases: Leases) -> None:
    keeper = _keeper(leases, [], 600_000)
    keeper.start()
    keeper.hold(RUNNING)
    keeper.doubt(b"s", b"1")
    wait_until_blocking(lambda: bool(leases.announced), what="an announcement", timeout_seconds=5)
    keeper.release(b"s", b"1")
    keeper.stop()
    assert leases.withdrawn == [MEMBER]


def test_what_is_not_answered_in_time_is_left_to_others(leases: Leases, caplog: pytest.LogCaptureFixture) -> None:
    keeper = _keeper(leases, [])
    for entry_id, seconds in ((b"late", 0.0), (b"answered", 0.0), (b"in time", 60.0)):
        keeper.hold(TaskEntry(b"s", entry_id, b""))
        keeper.bound(b"s", entry_id, seconds)
    keeper.answered(b"s", b"answered")
    keeper.start()
    wait_until_blocking(lambda: len(leases.renewed) >= 6, what="three renewals of each", timeout_seconds=5)
    keeper.release(b"s", b"late")
    keeper.stop()
    assert set(leases.renewed) == {(b"s", b"answered"), (b"s", b"in time")}
    assert caplog.text.count("Workflow task late was not answered within its timeout") == 1
