"""The transport over a server in memory: batches, callbacks, pushes, and a receiver that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest

from perdure.protocol.frontend import CountWorkflows
from perdure.protocol.replies import ReplyKind, decode_error, encode_replies
from perdure.protocol.requests import DescribeWorkflow, GetHistory, ReportUnreadable
from perdure.service import RPCError, RPCStatusCode
from perdure.transport import default_identity, transport as transport_module, unanswered as unanswered_module
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import ClusterInfo, StreamKind, TaskStream
from tests.fake_engine import SHARDS, fake_engine, transport_to
from tests.waiting import wait_until

DESCRIBE = DescribeWorkflow("default", "w", "")


def agree(number: int, request: Any) -> Iterable[tuple[int, int, Any]]:
    yield number, ReplyKind.OK, getattr(request, "workflow_id", None)


async def test_what_is_ready_in_one_turn_leaves_in_one_envelope_a_shard() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree) as engine, transport_to(server) as transport:
        futures = [transport.submit(2, DescribeWorkflow("default", f"w{n}", "")) for n in range(100)]
        replies = await asyncio.gather(*futures)
        assert [reply.body for reply in replies] == [f"w{n}" for n in range(100)]
        assert {shard for _, shard, _, _ in engine.seen} == {2}
        assert engine._cursors[2] != b"0-0"
        assert await engine.broker.inbox_length(2) == 1


async def test_a_shard_is_found_by_the_clusters_count() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        assert {transport.shard_id("default", f"w{n}") for n in range(100)} == {0, 1, 2, 3}


async def test_a_receiver_that_fails_takes_nobody_along(caplog: pytest.LogCaptureFixture) -> None:
    server = MemoryServer()

    def fail(kind: int, body: Any) -> None:
        raise RuntimeError("not my day")

    async with fake_engine(server, agree) as engine, transport_to(server) as transport:
        transport.on_push(lambda body: fail(0, body))
        pushed: list[Any] = []
        transport.on_push(pushed.append)
        with caplog.at_level(logging.ERROR, "perdure.transport"):
            transport.post(2, DESCRIBE, fail)
            await engine.broker.reply(transport.sender, encode_replies([(0, ReplyKind.PUSH, "news")]))
            assert (await transport.submit(2, DESCRIBE)).body == "w"

            async def both_failed() -> bool:
                return len(caplog.records) >= 2

            await wait_until(both_failed, what="two failures in the log")
        assert pushed == ["news"]


async def test_bytes_that_are_no_replies_are_passed_over() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree) as engine, transport_to(server) as transport:
        await engine.broker.reply(transport.sender, b"\xc1")
        assert (await transport.submit(2, DESCRIBE)).body == "w"


async def test_a_server_that_was_away_is_reached_again(caplog: pytest.LogCaptureFixture) -> None:
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        with caplog.at_level(logging.INFO, "perdure.transport"):
            server.stop()
            waiting = transport.submit(2, DESCRIBE)

            async def noticed() -> bool:
                return "Lost the server" in caplog.text

            await wait_until(noticed, what="the loss in the log")
            server.start()
            assert (await waiting).body == "w"

            async def recovered() -> bool:
                return "Reached the server" in caplog.text

            await wait_until(recovered, what="the recovery in the log")


async def test_a_server_that_is_silent_is_lost_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A timeout has no text of its own: an error that says why in empty brackets helps nobody."""
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:

        async def never(entries: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(transport_module, "_STUCK_S", 0.05)
        monkeypatch.setattr(transport.broker, "send", never)
        with caplog.at_level(logging.WARNING, "perdure.transport"), pytest.raises(RPCError) as caught:
            await transport.submit(2, DESCRIBE, timeout_s=0.5)
    assert "no answer within 0.05 s" in caplog.text
    assert "cannot be reached (no answer within 0.05 s)" in str(caught.value)


async def test_what_is_given_up_while_the_server_is_away_holds_nothing_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only request that could not be sent is given up: the sender has nothing to find the server again with."""
    monkeypatch.setattr(unanswered_module, "RESEND_AFTER_S", 0.2)
    server = MemoryServer()
    async with fake_engine(server, lambda number, request: []) as engine, transport_to(server) as transport:
        waiting = transport.submit(2, DESCRIBE, timeout_s=None)

        async def is_sent() -> bool:
            return bool(engine.requests(DescribeWorkflow))

        async def is_empty() -> bool:
            return "sender" in transport._trouble and not transport._outgoing

        await wait_until(is_sent, what="the first copy")
        server.stop()
        with pytest.raises(RPCError):
            await transport.submit(2, GetHistory("default", "w", ""), timeout_s=0.05)
        await wait_until(is_empty, what="an empty line")
        engine.answer = agree
        server.inboxes.clear()  # the engine reads the first copy no second time
        server.start()
        async with asyncio.timeout(10):
            assert (await waiting).kind == ReplyKind.OK


async def test_who_polls_a_queue() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        state = await transport.queue_state(TaskStream("default", "nobody", StreamKind.WORKFLOW))
        assert state.workers == ()


async def test_who_polls_a_queue_is_asked_again_while_there_is_time() -> None:
    stream = TaskStream("default", "nobody", StreamKind.WORKFLOW)
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        server.stop()
        with pytest.raises(RPCError, match="cannot be reached") as caught:
            await transport.queue_state(stream, timeout_s=0.01)
        assert caught.value.status == RPCStatusCode.UNAVAILABLE
        asked = asyncio.create_task(transport.queue_state(stream))
        await asyncio.sleep(0)
        server.start()
        assert (await asked).workers == ()


async def test_leases_are_opened_for_the_caller() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        leases = transport.open_leases()
        assert leases.renew("worker", {}) == {}
        leases.close()


def test_the_identity_says_which_process() -> None:
    process, _, host = default_identity().partition("@")
    assert process.isdecimal()
    assert host


UNSENDABLE = [DescribeWorkflow("default", "w", "\ud800"), GetHistory("default", "w", "", b"", 2**64)]


@pytest.mark.parametrize("unsendable", UNSENDABLE, ids=["no Unicode", "a number beyond 64 bits"])
async def test_what_cannot_be_written_is_refused_alone(unsendable: Any) -> None:
    """It would be in the way of all that this connection sends, for ever."""
    server = MemoryServer()
    async with fake_engine(server, agree), transport_to(server) as transport:
        before = transport.submit(2, DESCRIBE)
        refused = transport.submit(2, unsendable)
        told: list[tuple[int, str]] = []
        transport.post(2, unsendable, lambda kind, body: told.append((kind, decode_error(body).message)))
        asked = transport.submit_frontend(CountWorkflows("\ud800"))
        after = transport.submit(2, DESCRIBE)
        assert (await before).body == (await after).body == "w"
        with pytest.raises(RPCError, match="cannot be sent") as caught:
            await refused
        assert caught.value.status == RPCStatusCode.INVALID_ARGUMENT
        with pytest.raises(RPCError, match="a CountWorkflows cannot be sent"):
            await asked
        [(kind, message)] = told
        assert kind == ReplyKind.ERROR
        assert "cannot be sent" in message


async def test_replies_that_cannot_be_read_are_reported_to_the_engine() -> None:
    server = MemoryServer()
    async with fake_engine(server, agree) as engine, transport_to(server) as transport:
        await engine.broker.reply(transport.sender, b"\xc1")

        async def reported() -> list[Any]:
            return engine.requests(ReportUnreadable)

        [report] = await wait_until(reported, what="a report")
        assert (report.source, report.data) == ("reply stream", b"\xc1")
        assert (await transport.submit(2, DESCRIBE)).body == "w"


async def test_a_connection_knows_whether_any_engine_ever_spoke() -> None:
    server = MemoryServer()
    broker = MemoryBroker(server)
    await broker.connect()
    await broker.announce_cluster(ClusterInfo("c0ffee", 1, SHARDS))
    async with transport_to(server) as transport:
        assert not transport.is_unheard, "nothing was asked"
        asked = transport.submit(2, DESCRIBE)
        assert transport.is_unheard
        async with fake_engine(server, agree):
            await asked
        transport.submit(2, DESCRIBE).cancel()
        assert not transport.is_unheard
