"""Celery's canvas against real servers: what its guide shows, with the results that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perdure.client import Client
from perdure.compat.celery import chain, chord, group, signature
from perdure.compat.celery.exceptions import ChordError, ImproperlyConfigured
from perdure.compat.celery.group_result import GroupResult
from perdure.worker import Worker
from tests.cluster import Cluster
from tests.integration.compat.kitchen import add, app, fail, mul, note, on_error, xsum
from tests.waiting import wait_until


@pytest.fixture
async def kitchen(shared_cluster: Cluster, shared_client: Client) -> AsyncIterator[None]:
    app.cluster.configure(shared_cluster.address)
    app.set_current()
    runs = [task.task_run for task in app.tasks.values()]
    with ThreadPoolExecutor(8) as threads:
        async with Worker(shared_client, task_queue="celery", activities=runs, activity_executor=threads):
            yield
    await asyncio.to_thread(app.cluster.close)


async def test_chains(kitchen: None) -> None:
    def plain() -> None:
        assert (add.s(2, 2) | add.s(4) | add.s(8)).apply_async().get(timeout=60) == 16
        assert chain(add.s(4, 4), mul.s(8), mul.s(10))().get(timeout=60) == 640
        assert (add.si(2, 2) | add.si(4, 4) | add.si(8, 8))().get(timeout=60) == 16
        assert (add.s(4) | mul.s(y=3)).delay(2).get(timeout=60) == 18

    await asyncio.to_thread(plain)


async def test_groups(kitchen: None) -> None:
    def plain() -> None:
        result = group(add.s(i, i) for i in range(10))()
        assert isinstance(result, GroupResult)
        assert result.get(timeout=60) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
        assert (result.ready(), result.successful(), result.failed(), result.waiting()) == (True, True, False, False)
        assert (result.completed_count(), len(result), result[3].get(), result.children[9].get()) == (10, 10, 6, 18)
        again = app.AsyncResult(result[3].id)
        assert (again.state, again.get()) == ("SUCCESS", 6)
        assert sorted(result.iterate(timeout=60)) == result.join()
        mixed = group(add.s(1, 1), fail.s(), add.s(2, 2) | mul.s(10)).delay()
        assert mixed.get(timeout=60, propagate=False)[::2] == [2, 40]
        assert (mixed.failed(), mixed.completed_count()) == (True, 2)
        with pytest.raises(ValueError, match="burnt"):
            mixed.get(timeout=60)
        with pytest.raises(ImproperlyConfigured, match="keep the ids"):
            mixed.save()

    await asyncio.to_thread(plain)


async def test_chords(kitchen: None) -> None:
    def plain() -> None:
        assert chord(add.s(i, i) for i in range(100))(xsum.s()).get(timeout=60) == 9_900
        assert (group(add.s(i, i) for i in range(10)) | xsum.s()).delay().get(timeout=60) == 90
        assert chord([add.si(2, 2), add.si(3, 3)], xsum.s()).apply_async().get(timeout=60) == 10
        both = add.s(4, 4) | group(add.s(1), mul.s(2)) | xsum.s() | add.s(100)
        assert both.delay().get(timeout=60) == 125
        assert (add.s(4, 4) | group(add.s(1), mul.s(2))).delay().get(timeout=60) == [9, 16]

    await asyncio.to_thread(plain)


async def test_maps_and_chunks(kitchen: None) -> None:
    def plain() -> None:
        assert xsum.map([[1, 2], [3, 4]]).delay().get(timeout=60) == [3, 7]
        assert add.starmap(zip(range(4), range(4), strict=True)).apply_async().get(timeout=60) == [0, 2, 4, 6]
        pieces = add.chunks(zip(range(5), range(5), strict=True), 2)()
        assert pieces.get(timeout=60) == [[0, 2], [4, 6], [8]]

    await asyncio.to_thread(plain)


async def test_what_fails_ends_with_what_was_raised(kitchen: None, tmp_path: Path) -> None:
    path = str(tmp_path / "said")

    def plain() -> None:
        broken = (add.s(1, 1) | fail.s(2) | note.s(path)).delay()
        with pytest.raises(ValueError, match="burnt") as raised:
            broken.get(timeout=60)
        assert raised.value.args == ("burnt", 2)
        assert (broken.state, broken.failed()) == ("FAILURE", True)
        with pytest.raises(ChordError, match=r"Dependency 2 \(kitchen.fail\) raised ValueError\('burnt', 0\)"):
            chord([add.s(1, 1), fail.s()], note.s(path)).delay().get(timeout=60)
        assert not Path(path).exists()
        with pytest.raises(ValueError, match="burnt"):
            chord([add.s(1, 1)], fail.s()).delay().get(timeout=60)

    await asyncio.to_thread(plain)


async def test_links(kitchen: None, tmp_path: Path) -> None:
    path = str(tmp_path / "said")

    def plain() -> None:
        assert add.apply_async((2, 2), link=add.s(16) | note.s(path)).get(timeout=60) == 4
        with pytest.raises(ValueError, match="burnt"):
            fail.apply_async(link_error=on_error.s(path)).get(timeout=60)
        with pytest.raises(ValueError, match="burnt"):
            (add.s(1, 1) | fail.s()).on_error(on_error.s(path)).delay().get(timeout=60)
        with pytest.raises(ChordError):
            chord([fail.s()], xsum.s()).on_error(on_error.s(path)).delay().get(timeout=60)
        with pytest.raises(ChordError):
            chord([fail.s()], xsum.s().on_error(on_error.s(path))).delay().get(timeout=60)

    await asyncio.to_thread(plain)

    async def is_all_said() -> bool:
        return len(Path(path).read_text().splitlines()) == 5

    await wait_until(is_all_said, what="callbacks and errbacks have said so")
    assert sorted(Path(path).read_text().splitlines()) == [
        "20",
        *2 * ["ChordError (\"Dependency 1 (kitchen.fail) raised ValueError('burnt', 0)\",)"],
        "ValueError ('burnt', 0)",
        "ValueError ('burnt', 1)",
    ]


async def test_signatures_travel(kitchen: None) -> None:
    def plain() -> None:
        data = dict((add.s(1) | mul.s(2)).clone((3,)))
        assert signature(data).delay().get(timeout=60) == 8
        by_name = signature("kitchen.add", args=(2, 2), countdown=0.1)
        assert by_name.apply_async().get(timeout=60) == 4

    await asyncio.to_thread(plain)
