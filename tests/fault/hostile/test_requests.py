"""Requests that make no sense, thousands of them: each is refused or set aside, and the shards go on."""

from __future__ import annotations

import os
import random

from perdure.protocol.frontend import FRONTEND_REQUESTS, encode_frontend_envelope, numbered_frontend_request
from perdure.protocol.requests import REQUESTS, encode_envelope, numbered_request
from tests.fault.hostile.live import QUEUE, Neighbour, live
from tests.fault.hostile.odd_requests import Maker
from tests.fix_postgres import SHARD_COUNT

COUNT = int(os.environ.get("PERDURE_HOSTILE_REQUESTS", "400"))
SEED = int(os.environ.get("PERDURE_SEED", "1"))


async def test_requests_that_make_no_sense(database_dsn: str, redis_url: str) -> None:
    async with live(database_dsn, redis_url) as on:
        waiting = [
            await on.client.start_workflow(Neighbour.run, number, id=f"waiting-{number}", task_queue=QUEUE)
            for number in range(10)
        ]
        known = ["default", QUEUE, "", *(handle.id for handle in waiting)]
        known += [handle.result_run_id or "" for handle in waiting]
        maker = Maker(SEED, known)
        chance = random.Random(SEED)
        kinds = list(REQUESTS.kind_of)
        await on.broker.open_replies("attacker", 60_000)
        rows = [numbered_request(number, maker.make(kinds[number % len(kinds)])) for number in range(COUNT)]
        while rows:
            size = chance.choice((1, 3, 20))
            taken, rows = rows[:size], rows[size:]
            data = encode_envelope(1, "attacker", taken)
            await on.broker.send([(shard_id, data) for shard_id in range(SHARD_COUNT)])
        asked = list(FRONTEND_REQUESTS.kind_of)
        for number in range(COUNT // 4):
            row = numbered_frontend_request(number, maker.make(asked[number % len(asked)]))
            await on.broker.send_frontend(encode_frontend_envelope("attacker", [row]))
        async with on.worker():
            await on.neighbours_finish()
            assert await on.client.count_workflows("WorkflowType = 'Neighbour'")
            for shard_id in range(SHARD_COUNT):
                assert await on.broker.inbox_length(shard_id) == 0
