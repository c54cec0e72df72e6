"""The transport against a real server: batches, two replies, repetition, loss of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from perdure.protocol.frontend import CountWorkflows, ExecutionCount, decode_execution_count
from perdure.protocol.replies import (
    ErrorCode,
    ErrorReply,
    ExecutionStatus,
    Outcome,
    ReplyKind,
    Started,
    decode_error,
    decode_outcome,
    encode_replies,
)
from perdure.protocol.requests import AwaitResult, DescribeWorkflow, SignalWorkflow, StartWorkflow
from perdure.service import RPCError, RPCStatusCode
from perdure.transport import open_transport
from tests.fake_engine import fake_engine, transport_to
from tests.fix_redis import PrivateRedis
from tests.waiting import wait_until


def start(workflow_id: str, *, wait_result: bool = False) -> StartWorkflow:
    return StartWorkflow("default", workflow_id, "Greet", "q", b"", "r-" + workflow_id, "tester", wait_result)


def accept(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
    if isinstance(request, StartWorkflow):
        yield number, ReplyKind.OK, Started("run-" + request.workflow_id, True)
        if request.wait_result:
            yield number, ReplyKind.OUTCOME, Outcome("run-" + request.workflow_id, ExecutionStatus.COMPLETED)
    elif isinstance(request, CountWorkflows):
        yield number, ReplyKind.OK, ExecutionCount(7)
    else:
        yield number, ReplyKind.OK, None


def keep_silent(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
    return ()


async def test_many_requests_are_answered_each_with_its_own(redis_url: str) -> None:
    async with fake_engine(redis_url, accept) as engine, transport_to(redis_url) as transport:
        futures = [
            transport.submit(transport.shard_id("default", f"w{n}"), start(f"w{n}", wait_result=True))
            for n in range(500)
        ]
        replies = await asyncio.gather(*futures)
        assert [decode_outcome(reply.body).run_id for reply in replies] == [f"run-w{n}" for n in range(500)]
        assert len(engine.seen) == 500


async def test_posted_requests_call_back_once(redis_url: str) -> None:
    async with fake_engine(redis_url, accept), transport_to(redis_url) as transport:
        replied: list[int] = []
        for _ in range(20):
            transport.post(
                1, SignalWorkflow("default", "w", "", "s", b"", "r", "t"), lambda kind, _: replied.append(kind)
            )

        async def all_replied() -> bool:
            return len(replied) >= 20

        await wait_until(all_replied, what="20 callbacks")
        assert replied == [ReplyKind.OK] * 20


async def test_the_frontend_answers(redis_url: str) -> None:
    async with fake_engine(redis_url, accept), transport_to(redis_url) as transport:
        reply = await transport.submit_frontend(CountWorkflows("default"))
        assert decode_execution_count(reply.body).total == 7


async def test_an_error_is_a_reply(redis_url: str) -> None:
    def refuse(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
        yield number, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "no such workflow")

    async with fake_engine(redis_url, refuse), transport_to(redis_url) as transport:
        reply = await transport.submit(0, DescribeWorkflow("default", "w", ""))
        assert (reply.kind, decode_error(reply.body).message) == (ReplyKind.ERROR, "no such workflow")


async def test_a_request_without_reply_ends_at_its_timeout(redis_url: str) -> None:
    async with fake_engine(redis_url, keep_silent), transport_to(redis_url) as transport:
        with pytest.raises(RPCError, match="No engine answered") as caught:
            await transport.submit(0, DescribeWorkflow("default", "w", ""), timeout_s=0.2)
        assert caught.value.status == RPCStatusCode.DEADLINE_EXCEEDED


async def test_pushes_reach_their_subscribers(redis_url: str) -> None:
    async with fake_engine(redis_url, accept) as engine, transport_to(redis_url) as transport:
        pushed: list[Any] = []
        unsubscribe = transport.on_push(pushed.append)
        await engine.broker.reply(transport.sender, encode_replies([(0, ReplyKind.PUSH, "first")]))

        async def came() -> list[Any]:
            return pushed

        assert await wait_until(came, what="a push") == ["first"]
        unsubscribe()
        await engine.broker.reply(transport.sender, encode_replies([(0, ReplyKind.PUSH, "second")]))
        await transport.submit(0, DescribeWorkflow("default", "w", ""))
        assert pushed == ["first"]


async def test_too_busy_is_asked_again_later(redis_url: str) -> None:
    refusals = iter(range(2))

    def busy_twice(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
        if next(refusals, None) is not None:
            return [(number, ReplyKind.ERROR, ErrorReply(ErrorCode.RESOURCE_EXHAUSTED, "busy", retry_after_ms=10))]
        return accept(number, request)

    async with fake_engine(redis_url, busy_twice) as engine, transport_to(redis_url) as transport:
        reply = await transport.submit(0, start("w"))
        assert reply.kind == ReplyKind.OK
        assert len({number for _, _, number, _ in engine.seen}) == 1
        assert len(engine.seen) == 3


async def test_a_server_that_lost_everything_gets_it_all_again(private_redis: PrivateRedis) -> None:
    server = private_redis()
    async with fake_engine(server.url, keep_silent) as engine, transport_to(server.url) as transport:
        waiting = transport.submit(2, start("w", wait_result=True))

        async def seen() -> list[Any]:
            return engine.requests(StartWorkflow)

        await wait_until(seen, what="the first sending")
        engine.answer = accept
        server.kill()
        for path in server.data_dir.rglob("*"):
            if path.is_file():
                path.unlink()
        server.start()
        reply = await asyncio.wait_for(waiting, 30)
        assert decode_outcome(reply.body).run_id == "run-w"
        assert len(engine.requests(StartWorkflow)) >= 2


async def test_requests_made_while_the_server_is_down_arrive_when_it_is_back(private_redis: PrivateRedis) -> None:
    server = private_redis()
    async with fake_engine(server.url, accept), transport_to(server.url) as transport:
        server.stop()
        waiting = [transport.submit(shard, start(f"w{shard}")) for shard in range(4)]
        with pytest.raises(RPCError, match="cannot be reached") as caught:
            await transport.submit(0, start("short"), timeout_s=1.5)
        assert caught.value.status == RPCStatusCode.UNAVAILABLE
        server.start()
        replies = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert [reply.kind for reply in replies] == [ReplyKind.OK] * 4


async def test_a_waiter_says_again_that_it_waits(redis_url: str) -> None:
    def register(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
        if isinstance(request, StartWorkflow):
            return [(number, ReplyKind.OK, Started("run-w", True))]
        return [(number, ReplyKind.OUTCOME, Outcome("run-w", ExecutionStatus.COMPLETED, b"late"))]

    async with fake_engine(redis_url, register) as engine, transport_to(redis_url) as transport:
        reply = await asyncio.wait_for(transport.submit(0, start("w", wait_result=True)), 30)
        assert decode_outcome(reply.body).result == b"late"
        assert engine.requests(AwaitResult) == [AwaitResult("default", "w", "run-w")]


async def test_closing_ends_the_waiting(redis_url: str) -> None:
    async with fake_engine(redis_url, keep_silent):
        async with transport_to(redis_url) as transport:
            waiting = transport.submit(0, start("w"))
        with pytest.raises(RPCError, match="closed"):
            await waiting
        with pytest.raises(RPCError, match="closed"):
            await transport.submit(0, start("w"))


async def test_an_address_without_a_server_says_what_to_do() -> None:
    with pytest.raises(RPCError, match=r"perdure dev.*--address") as caught:
        await open_transport("127.0.0.1:1")
    assert caught.value.status == RPCStatusCode.UNAVAILABLE


async def test_a_server_without_an_engine_says_what_to_do(redis_url: str) -> None:
    with pytest.raises(RPCError, match=r"no engine has ever started there.*perdure dev") as caught:
        await open_transport(redis_url)
    assert caught.value.status == RPCStatusCode.UNAVAILABLE  # to be tried again: a server may have lost its data
