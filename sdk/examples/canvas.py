"""Tasks put together: one after another, at once, then one with all results; and what is told when something fails.

perdure dev                                            # in one terminal
python sdk/examples/canvas.py                          # in another
"""

from __future__ import annotations

import asyncio

from perdure import task
from perdure.client import Client
from perdure.tasks import chain, chord, group, using
from perdure.tasks.canvas import ChordError
from perdure.worker import Worker

PAGES = {"home": "welcome to the shop", "about": "we sell tea", "tea": "green tea and black tea"}


@task(queue="pages", at_most_once=True)
async def fetch(page: str) -> str:
    return PAGES[page]


@task(queue="pages")
async def count(text: str, word: str = "") -> int:
    return sum(not word or each == word for each in text.split())


@task(queue="pages")
async def total(counts: list[int]) -> int:
    return sum(counts)


@task(queue="pages")
async def report(number: int, what: str) -> str:
    return f"{number} {what}"


async def show() -> None:
    print(await (await (fetch.s("home") | count.s() | report.s("words")).adelay()), "at home")

    words = [chain(fetch.s(page), count.s("tea")) for page in PAGES]
    print(await (await (group(words) | total.s() | report.s("times tea")).adelay()))

    outcomes = await (await group(fetch.s(page) for page in ("about", "jobs")).adelay()).aoutcomes()
    print([outcome.failed.type if outcome.failed else outcome.result for outcome in outcomes])
    try:
        await (await chord([fetch.s("about"), fetch.s("jobs")], count.s()).adelay())
    except ChordError as error:
        print(error.message)

    print(await (await fetch.map(PAGES).adelay()))
    chunks = await count.chunks([("green tea",)] * 1_000, 100).adelay()
    print(sum(map(sum, await chunks)), "words in", len(await chunks), "chunks")


async def main() -> None:
    async with await Client.connect() as client:
        worker = Worker(client, task_queue="pages", activities=[fetch, count, total, report])
        async with worker:
            with using(client):  # plain code needs no client: (fetch.s("home") | count.s()).delay().get(timeout=10)
                await show()


if __name__ == "__main__":
    asyncio.run(main())
