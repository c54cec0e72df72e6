"""DBOS's application: a library in the process that calls its workflows."""

from __future__ import annotations

import asyncio
import os

from dbos import DBOS

from bench.peers.surroundings import postgres_dsn


@DBOS.step()
async def noop(number: int) -> int:
    return number


@DBOS.workflow()
async def one(number: int) -> int:
    result: int = await noop(number)
    return result


@DBOS.workflow()
async def ten(number: int) -> int:
    for _ in range(10):
        number = await noop(number)
    return number


@DBOS.workflow()
async def fan(activities: int) -> int:
    return len(await asyncio.gather(*(noop(number) for number in range(activities))))


WORKFLOWS = {"one": one, "ten": ten, "fan": fan}


class Driver:
    """Calls a workflow, as any coroutine."""

    async def __aenter__(self) -> Driver:
        config = {
            "name": "bench",
            "system_database_url": postgres_dsn(),
            "executor_id": f"bench-{os.getpid()}",
            "log_level": "WARNING",
        }
        DBOS(config=config)
        DBOS.launch()
        return self

    async def __aexit__(self, *_: object) -> None:
        DBOS.destroy()

    async def execute(self, workflow: str, argument: int) -> int:
        result: int = await WORKFLOWS[workflow](argument)
        return result
