"""The in-process cluster: what its clock does, and when nothing happens any more."""

from __future__ import annotations

from perdure_engine.in_process import InProcessCluster

HOUR_US = 3_600_000_000


async def test_an_idle_cluster_is_at_rest_and_has_no_timer() -> None:
    async with InProcessCluster() as cluster:
        assert cluster.is_at_rest()
        assert cluster.next_timer_us() is None


async def test_the_clock_goes_forward_and_never_back() -> None:
    async with InProcessCluster() as cluster:
        began = cluster.now_us()
        await cluster.set_forward(began + HOUR_US)
        assert began + HOUR_US <= cluster.now_us() < began + 2 * HOUR_US
        await cluster.set_forward(began)
        assert cluster.now_us() >= began + HOUR_US


async def test_a_request_that_nobody_has_read_is_no_rest() -> None:
    cluster = InProcessCluster()
    await cluster._broker.connect()
    await cluster._broker.send([(0, b"anything")])
    assert not cluster.is_at_rest()
