"""Requests of an engine, and their answers."""

from __future__ import annotations

import random

from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import TerminateWorkflow
from perdure_broker.memory import MemoryBroker
from perdure_broker.port import ClusterInfo
from perdure_engine.environment import RealEnvironment
from perdure_engine.system.errands import Errands
from tests.engine_stage import Stage


def errands(stage: Stage) -> Errands:
    """Those of another engine: its clock is the event loop's, as everything here."""
    environment = RealEnvironment()
    environment.random = random.Random(1)
    environment.monotonic = stage.loop.time  # type: ignore[method-assign]
    return Errands(MemoryBroker(stage.server), environment, ClusterInfo("c", 1, 1, 30_000), "two")


def terminate(workflow_id: str) -> tuple[int, TerminateWorkflow]:
    return 0, TerminateWorkflow("default", workflow_id, "", "why", b"", f"errand {workflow_id}", "me")


async def test_answers_come_in_the_order_of_the_requests(stage: Stage) -> None:
    await stage.start("a")
    await stage.start("c")
    own = errands(stage)
    for _ in range(2):  # done twice, it takes effect once
        answers = await own.run([terminate(name) for name in ("a", "b", "c")])
        assert [kind for kind, _ in answers] == [ReplyKind.OK, ReplyKind.ERROR, ReplyKind.OK]
        assert decode_error(answers[1][1]).code == ErrorCode.NOT_FOUND
    assert await own.run([]) == []


async def test_what_the_broker_lost_is_sent_again(stage: Stage) -> None:
    await stage.start("a")
    own = errands(stage)
    assert (await own.run([terminate("b")]))[0][0] == ReplyKind.ERROR
    stage.server.flush()
    [(kind, _)] = await own.run([terminate("a")])
    assert kind == ReplyKind.OK


async def test_answers_are_heard_though_ids_went_back_and_another_one_made_the_stream(stage: Stage) -> None:
    """As after a failover to a server whose clock is behind."""
    await stage.start("a")
    own = errands(stage)
    await own.run([terminate("b")])
    stage.server.flush()
    stage.server.now_ms = lambda: stage.now_us() // 1000 - 3_600_000
    stage.server.stop()
    stage.server.start()
    await MemoryBroker(stage.server).open_replies(own._sender, 60_000)
    [answer] = await own.within([terminate("a")], patience_s=60.0)
    assert answer is not None
    assert answer[0] == ReplyKind.OK
