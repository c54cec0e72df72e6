"""Whose key a command touches, and who is asked where it is. (Real servers: `tests/integration`.)"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from perdure_broker import scripts, servers
from perdure_broker.address import Address, parse_address
from perdure_broker.keys import Keys
from perdure_broker.port import BrokerUnavailable, StreamKind, TaskStream, WrongConfiguration
from perdure_broker.servers import find_servers, key_of
from perdure_broker.wire import ReplyError, pack

STREAM = Keys().queue(TaskStream("default", "STREAMS", StreamKind.WORKFLOW))


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (pack(b"XADD", b"key", b"*", b"d", b"STREAMS"), b"key"),
        (pack(b"GET", b""), b""),
        (pack(b"SET", "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel", 1), b"schl\xc3\xbcssel"),
        (pack(b"XREAD", b"COUNT", 1, b"BLOCK", 5, b"STREAMS", b"a", b"b", b"0", b"0"), b"a"),
        (pack(b"XREADGROUP", b"GROUP", b"g", b"STREAMS", b"COUNT", 1, b"NOACK", b"STREAMS", b"a", b">"), b"a"),
        (scripts.FINISH.call(STREAM[:3], (1, 1, b"1-1")), STREAM.stream),
        (pack(b"INFO", b"SERVER"), None),
        (pack(b"CLIENT", b"UNBLOCK", 7), None),
        (scripts.LOAD_ALL[0], None),
    ],
)
def test_the_key_of_a_command(command: bytes, key: bytes | None) -> None:
    assert key_of(command) == key


async def test_one_server_holds_everything() -> None:
    address = parse_address("redis://h:1")
    found = find_servers(address)
    found.forget()
    await found.learn()
    assert found.known
    assert found.sole == found.find(pack(b"GET", b"a")) == address
    assert list(found.everyone()) == [address]


# Members that answer as they are told --------------------------------------------------------------------------------
class Members:
    """What each member answers, by its port; who was asked, in order."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.asked: list[int] = []

    async def ask(self, server: Address, command: bytes) -> Any:
        port = urlsplit(server.url).port or 0
        self.asked.append(port)
        await asyncio.sleep(0)
        answer = self.answers.get(port, BrokerUnavailable(f"nobody at {port}"))
        if isinstance(answer, Exception) and not isinstance(answer, ReplyError):
            raise answer
        return answer


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> Members:
    made = Members()
    monkeypatch.setattr(servers, "_ask", made.ask)
    return made


def slots(*ports: int, replica: int = 0) -> list[Any]:
    """What CLUSTER SLOTS says when these masters share the slots."""
    share = 16384 // len(ports)
    told: list[Any] = []
    for number, port in enumerate(ports):
        last = 16383 if number == len(ports) - 1 else share * (number + 1) - 1
        nodes = [[b"h", port, b"id", []], *([[b"h", replica, b"id", []]] if replica else [])]
        told.append([share * number, last, *nodes])
    return told


A, B = pack(b"GET", b"a"), pack(b"GET", b"b")  # slots 15495 and 3300


async def test_a_cluster_is_learnt_from_the_first_that_answers(members: Members) -> None:
    found = find_servers(parse_address("redis+cluster://me:secret@h:1,h:2"))
    assert not found.known
    assert found.sole is None
    members.answers = {2: slots(2, 3, replica=4)}
    await found.learn()
    assert members.asked == [1, 2]
    assert [node.shown for node in found.everyone()] == ["redis://h:2", "redis://h:3"]
    assert found.find(B).url == "redis://me:secret@h:2"
    assert found.find(A).url == "redis://me:secret@h:3"
    assert found.find(pack(b"INFO", b"SERVER")) in found.everyone()
    await found.learn()
    assert members.asked == [1, 2]


async def test_another_member_is_asked_each_time(members: Members) -> None:
    """One that is cut off answers, too, and has heard of nothing."""
    found = find_servers(parse_address("redis+cluster://h:1"))
    members.answers = dict.fromkeys((1, 2, 3), slots(1, 2, 3))
    for _ in range(4):
        found.forget()
        await found.learn()
    assert members.asked == [1, 2, 3, 1]


async def test_a_node_that_gave_its_slots_away_may_still_be_asked(members: Members) -> None:
    found = find_servers(parse_address("redis+cluster://h:1"))
    members.answers = dict.fromkeys((1, 2), slots(1, 2))
    await found.learn()
    members.answers = dict.fromkeys((1, 2), slots(1))
    found.forget()
    await found.learn()
    assert members.asked == [1, 2]
    assert found.find(A).shown == found.find(B).shown == "redis://h:1"


async def test_a_node_without_a_name_is_where_it_was_asked(members: Members) -> None:
    found = find_servers(parse_address("redis+cluster://h:1"))
    members.answers = {1: [[0, 8191, [b"", 1, b"id"]], [8192, 15000, [None, 2, b"id"]]]}
    await found.learn()
    assert [node.shown for node in found.everyone()] == ["redis://h:1", "redis://h:2"]
    with pytest.raises(BrokerUnavailable, match=r"no node .* serves slot 15495"):
        found.find(A)
    assert not found.known


async def test_who_waits_for_the_same_question_shares_its_end(members: Members) -> None:
    found = find_servers(parse_address("redis+cluster://h:1,h:2"))
    outcomes = await asyncio.gather(*(found.learn() for _ in range(5)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["nobody at 2"] * 5
    assert members.asked == [1, 2]
    members.answers = {1: slots(1)}
    await asyncio.gather(*(found.learn() for _ in range(5)))
    assert members.asked == [1, 2, 1]


@pytest.mark.parametrize(
    ("text", "answer", "kind", "said"),
    [
        (
            "redis+cluster://h:1",
            ReplyError("ERR This instance has cluster support disabled"),
            WrongConfiguration,
            "redis://",
        ),
        ("redis+cluster://h:1", ReplyError("LOADING data"), BrokerUnavailable, "loading"),
        ("redis+cluster://h:1", [], BrokerUnavailable, "knows no slots"),
        ("redis+sentinel://h:1/s", ReplyError("ERR unknown command 'SENTINEL'"), WrongConfiguration, "no Sentinel"),
        ("redis+sentinel://h:1/s", ReplyError("NOAUTH Authentication required."), WrongConfiguration, "password"),
        ("redis+sentinel://h:1/s", None, WrongConfiguration, "watches no service 's'"),
    ],
)
async def test_what_members_refuse(members: Members, text: str, answer: Any, kind: type[Exception], said: str) -> None:
    members.answers = {1: answer}
    with pytest.raises(kind, match=said):
        await find_servers(parse_address(text)).learn()


async def test_sentinels_name_a_master_that_says_so_itself(members: Members) -> None:
    found = find_servers(parse_address("redis+sentinel://:secret@h:1,h:2/s/3"))
    assert found.sole is None
    members.answers = {1: [b"h", b"7"], 2: [b"h", b"8"], 7: [b"slave", b"h", 8], 8: [b"master", 0, []]}
    await found.learn()
    assert members.asked == [1, 7, 2, 8]
    assert found.sole is not None
    assert found.sole == found.find(A)
    assert (found.sole.url, list(found.everyone())) == ("redis://:secret@h:8/3", [found.sole])


async def test_no_sentinel_knows_a_master_now(members: Members) -> None:
    members.answers = {1: [b"h", b"7"], 7: [b"slave", b"h", 8]}
    with pytest.raises(BrokerUnavailable, match="not the master of 's' any more"):
        await find_servers(parse_address("redis+sentinel://h:1/s")).learn()


async def test_a_silent_member_holds_nobody_up(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent_first(server: Address, command: bytes) -> Any:
        if server.shown.endswith(":1"):
            await asyncio.Event().wait()
        return slots(2)

    monkeypatch.setattr(servers, "_ask", silent_first)
    monkeypatch.setattr(servers, "ASK_TIMEOUT_S", 0.01)
    found = find_servers(parse_address("redis+cluster://h:1,h:2"))
    await found.learn()
    assert found.find(A).shown == "redis://h:2"
