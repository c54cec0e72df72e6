"""Leases, renewed from a thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from perdure.transport import RealEnvironment
from perdure.worker.lease_keeper import Entry, LeaseKeeper
from perdure_broker.port import BrokerUnavailable
from tests.waiting import wait_until_blocking


class Leases:
    """Counts renewals; may lose entries, or be away."""

    def __init__(self) -> None:
        self.renewed: list[tuple[bytes, bytes]] = []
        self.gone: dict[bytes, list[bytes]] = {}
        self.is_away = False
        self.is_closed = False
        self.thread_name = ""

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        assert worker == "me"
        self.thread_name = threading.current_thread().name
        if self.is_away:
            self.is_away = False
            raise BrokerUnavailable("away")
        self.renewed += [(stream, entry) for stream, found in entries.items() for entry in found]
        return self.gone

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
    keeper.hold(b"s", b"1")
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
    keeper.hold(b"s", b"1")
    keeper.release(b"s", b"1")
    keeper.stop()
    assert not leases.renewed


def test_a_server_that_is_away_is_asked_again(leases: Leases, caplog: pytest.LogCaptureFixture) -> None:
    leases.is_away = True
    keeper = _keeper(leases, [])
    keeper.hold(b"s", b"1")
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
    keeper.hold(b"s", b"1")
    keeper.start()
    wait_until_blocking(lambda: bool(lost), what="a loss", timeout_seconds=5)
    keeper.stop()
    assert lost[0] == (b"s", b"1")
