"""Steps that must run on the same machine: each worker also polls a task queue of its own.

A file is fetched to the disk of some worker, and is then to be worked on there. The first activity runs wherever there
is room and says which queue leads to its worker; the others are sent to that queue.

    perdure dev                               # in another terminal
    python sdk/examples/worker_specific_queue.py
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "files"


class Machine:
    """What one worker has: a disk, and a queue that nobody else polls."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self.queue = f"files-of-{uuid.uuid4().hex}"

    @activity.defn
    def find_room(self) -> str:
        return self.queue

    @activity.defn
    def fetch(self, name: str) -> str:
        path = self.disk / name
        path.write_text("one two three")
        return str(path)

    @activity.defn
    def count_words(self, path: str) -> int:
        return len(Path(path).read_text().split())

    @activity.defn
    def remove(self, path: str) -> bool:
        Path(path).unlink()
        return not list(self.disk.iterdir())


@workflow.defn
class CountWords:
    @workflow.run
    async def run(self, name: str) -> list[object]:
        limit = timedelta(seconds=30)
        queue = await workflow.execute_activity_method(Machine.find_room, start_to_close_timeout=limit)
        # If that worker is gone, nobody polls its queue: what has not started in time is not tried again, and fails.
        here = workflow.ActivityConfig(
            task_queue=queue, start_to_close_timeout=limit, schedule_to_start_timeout=timedelta(minutes=1)
        )
        path = await workflow.execute_activity_method(Machine.fetch, name, **here)
        words = await workflow.execute_activity_method(Machine.count_words, path, **here)
        return [words, await workflow.execute_activity_method(Machine.remove, path, **here)]


@contextlib.asynccontextmanager
async def machine(client: Client) -> AsyncIterator[None]:
    """Two workers of one process: for what anybody may do, and for what only this one can."""
    with tempfile.TemporaryDirectory() as disk:
        here = Machine(Path(disk))
        async with (
            Worker(client, task_queue=TASK_QUEUE, workflows=[CountWords], activities=[here.find_room]),
            Worker(client, task_queue=here.queue, activities=[here.fetch, here.count_words, here.remove]),
        ):
            yield


async def main() -> None:
    async with await Client.connect() as client, machine(client), machine(client):
        runs = [
            client.execute_workflow(CountWords.run, f"file-{n}", id=f"words-{uuid.uuid4().hex}", task_queue=TASK_QUEUE)
            for n in range(5)
        ]
        counted = await asyncio.gather(*runs)
        print("words:", [words for words, _ in counted])


if __name__ == "__main__":
    asyncio.run(main())
