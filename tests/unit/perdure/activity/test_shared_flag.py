"""A flag for threads and tasks."""

from __future__ import annotations

import asyncio
import threading

from perdure.activity.shared_flag import SharedFlag


async def test_a_task_waits() -> None:
    flag = SharedFlag()
    waiting = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    flag.set()
    await waiting
    await flag.wait()
    assert flag.is_set()


def test_a_thread_waits() -> None:
    flag = SharedFlag()
    assert not flag.wait_sync(0.001)
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(flag.wait_sync(10)))
    thread.start()
    flag.set()
    thread.join()
    assert seen == [True]
    assert flag.wait_sync(0)
