"""Restate's service, which `hypercorn bench.peers.restate_app:app` serves, and its client, who asks the ingress."""

from __future__ import annotations

import os
from typing import Any

import aiohttp
import restate

from bench.peers.restate_settings import INGRESS

service = restate.Service("bench")


async def noop(number: int) -> int:
    return number


@service.handler()
async def one(ctx: restate.Context, number: int) -> int:
    result: int = await ctx.run_typed("noop", noop, number=number)
    return result


@service.handler()
async def ten(ctx: restate.Context, number: int) -> int:
    for _ in range(10):
        number = await ctx.run_typed("noop", noop, number=number)
    return number


@service.handler()
async def fan(ctx: restate.Context, activities: int) -> int:
    steps = [ctx.run_typed("noop", noop, number=number) for number in range(activities)]
    return len(await restate.gather(*steps))


app: Any = restate.app([service])


class Driver:
    """Requests to the ingress over kept connections."""

    async def __aenter__(self) -> Driver:
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(
            os.environ[INGRESS], connector=connector, timeout=aiohttp.ClientTimeout(240)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def execute(self, workflow: str, argument: int) -> int:
        async with self._session.post(f"/bench/{workflow}", json=argument) as response:
            response.raise_for_status()
            result: int = await response.json()
        return result
