"""Canvas against real servers: enqueued from plain code, run by `perdure worker`, whose restart it outlives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.tasks import chord, configure, group
from perdure.tasks.canvas import ChainError
from tests.cluster import PERDURE, Cluster
from tests.integration.tasks.chores import add, total, wait_for, write_down
from tests.waiting import wait_until


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    configure(cluster.address)
    yield cluster.address
    configure()


async def test_plain_code_and_a_worker_that_is_restarted(cluster: Cluster, address: str, tmp_path: Path) -> None:
    command = (*PERDURE, "worker", "tests.integration.tasks.chores", "--grace", "0s")
    worker = cluster.start_worker(*command)

    def plain() -> None:
        assert (add.s(1, 2) | add.s(4)).delay().get(timeout=60) == 7
        assert chord([add.s(number, 1) for number in range(100)], total.s()).delay().get(60) == 5_050
        assert group(add.s(1, 1), add.s(2, 2)).delay().get(60) == [2, 4]
        assert add.chunks([(number, 0) for number in range(5)], 2).delay().get(60) == [[0, 1], [2, 3], [4]]
        wrong = add.s("a", 1).set(at_most_once=True) | add.s(1)
        with pytest.raises(ChainError, match="of 2 links, link 1"):
            wrong.delay().get(60)

    await asyncio.to_thread(plain)
    path = tmp_path / "said"
    handle = await (write_down.s(str(path), "once") | wait_for.s() | write_down.s("again")).adelay()

    async def has_begun() -> bool:
        return path.exists() and len((await handle.adescribe()).pending_activities) == 1

    await wait_until(has_begun, what="its first link is done")
    await asyncio.to_thread(worker.stop)
    cluster.start_worker(*command)
    Path(f"{path}.go").touch()
    assert await handle == str(path)
    assert path.read_text() == "once\nagain\n"
