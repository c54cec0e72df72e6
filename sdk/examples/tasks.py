"""Functions as tasks: called here as before, or enqueued to run on a worker, now or later, once or until it works.

perdure dev                                            # in one terminal
python sdk/examples/tasks.py                           # in another
"""

from __future__ import annotations

import asyncio
import uuid

from perdure import activity, task
from perdure.client import Client
from perdure.tasks import Deduplication, Retry, using
from perdure.worker import Worker


@task
async def thumbnail(picture: str, width: int = 100) -> str:
    return f"{picture}@{width}"


@task
async def publish(picture: str) -> int:
    """The gallery says when it has time again."""
    if activity.info().attempt == 1:
        raise Retry(after=0.1, message="429 Too Many Requests")
    return activity.info().attempt


@task(at_most_once=True, soft_time_limit=0.2)
async def scan(pictures: int) -> str:
    """Tells how far it is, and ends in good order when its time is up."""
    done = 0
    try:
        while done < pictures:
            done += 1
            activity.heartbeat(done)
            await asyncio.sleep(0.15)
    except asyncio.CancelledError:
        return f"more than {min(done, 1) - 1} of {pictures}"
    return "all"


async def show() -> None:
    print(await thumbnail("cat"), "was made here")
    print(await (await thumbnail.adelay("dog", width=50)), "was made by a worker")

    once = f"owl-{uuid.uuid4().hex[:8]}"
    handles = [await thumbnail.aapply_async(("owl",), task_id=once, countdown=0.1) for _ in range(3)]
    print(sum(handle.is_new for handle in handles), "of 3 was enqueued:", await handles[-1])

    for picture in ("o", "ow", "owls"):  # somebody types: the last one counts, once it has been quiet for a moment
        typed = await thumbnail.aapply_async(
            (picture,), task_id=f"typed-{once}", deduplication=Deduplication.debounce(0.2)
        )
    print(await typed, "was made of what was typed last")

    many = await thumbnail.adelay_many([(f"{number}",) for number in range(500)])
    print(len([await handle for handle in many]), "more were enqueued together")
    print("published in attempt", await (await publish.adelay("cat")))
    print("scanned:", await (await scan.adelay(1_000)))


async def main() -> None:
    async with await Client.connect() as client:
        worker = Worker(client, task_queue="default", activities=[thumbnail, publish, scan])
        async with worker:
            with using(client):  # plain code needs no client: thumbnail.delay("cat").get(timeout=10)
                await show()


if __name__ == "__main__":
    asyncio.run(main())
