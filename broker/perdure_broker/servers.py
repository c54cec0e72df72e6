"""Which server holds what: one for everything, the master that Sentinels name, or the nodes of a Redis Cluster.

Role: part of the Redis broker. It keeps what was learnt last, until somebody finds out that it is wrong (`forget`).
To learn, it asks the members of the deployment one after the other, and begins with another one each time, so that one
that is cut off from the rest is not believed for ever. It sends nothing of its callers, and decides on no repetition.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from perdure_broker import errors
from perdure_broker.address import Address, Mode
from perdure_broker.connection import Connection
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.wire import ReplyError, pack

ASK_TIMEOUT_S = 2.0
"""For one member to answer: the next one may do so at once."""

_CLUSTER_SLOTS = pack(b"CLUSTER", b"SLOTS")
_ROLE = pack(b"ROLE")

_WORDS_BEFORE_KEY = {b"EVALSHA": 2, b"XREADGROUP": 3}
"""Words between the name of a command and its first key, or the place from which to look for STREAMS."""

_READS = frozenset({b"XREAD", b"XREADGROUP"})
_KEYLESS = frozenset({b"INFO", b"SCRIPT", b"CLIENT"})


class Servers(Protocol):
    """Where commands go.

    Attributes:
        known: whether `sole`, `find` and `everyone` may be asked; else `learn` first.
        sole: the server of everything, or None when keys are spread over several.
    """

    known: bool
    sole: Address | None

    async def learn(self) -> None:
        """Find out, unless it is known. Calls may overlap.

        Raises:
            BrokerUnavailable: no member answers, or none knows at the moment.
            WrongConfiguration: what the address names is something else.
        """

    def find(self, command: bytes) -> Address:
        """The server that holds the keys of a packed command; any one for a command without keys."""

    def everyone(self) -> Sequence[Address]:
        """All servers that hold keys."""

    def forget(self) -> None:
        """What was learnt may be wrong by now."""


def find_servers(address: Address) -> Servers:
    """The servers of an address. Connects to nothing yet."""
    if address.mode is Mode.CLUSTER:
        return ClusterServers(address)
    if address.mode is Mode.SENTINEL:
        return SentinelServers(address)
    return OneServer(address)


class OneServer:
    """A server that is always the same."""

    known = True

    def __init__(self, address: Address) -> None:
        self.sole: Address | None = address
        self._address = address

    async def learn(self) -> None:
        return

    def find(self, command: bytes) -> Address:
        return self._address

    def everyone(self) -> Sequence[Address]:
        return (self._address,)

    def forget(self) -> None:
        return


class _Learnt(ABC):
    """What both kinds of deployment share: who is asked, in turn, and that one asks for all who wait."""

    def __init__(self, address: Address) -> None:
        self.known = False
        self._address = address
        self._members: list[Address] = list(address.members)
        self._learning = asyncio.Lock()
        self._refusals = 0
        self._refusal: BrokerUnavailable | WrongConfiguration

    async def learn(self) -> None:
        before = self._refusals
        async with self._learning:
            if not self.known and self._refusals == before:
                await self._ask_in_turn()
            if not self.known:  # who waited for another's try shares its end: else they would fail one after the other
                raise type(self._refusal)(str(self._refusal))

    def forget(self) -> None:
        self.known = False

    async def _ask_in_turn(self) -> None:
        for member in self._members:
            try:
                async with asyncio.timeout(ASK_TIMEOUT_S):
                    await self._learn_from(member)
            except TimeoutError:
                self._refusal = BrokerUnavailable(f"no answer from {member.shown} in time")
            except (BrokerUnavailable, WrongConfiguration) as error:
                self._refusal = error
            else:
                self._members = [*(each for each in self._members if each != member), member]
                self.known = True
                return
        self._refusals += 1

    @abstractmethod
    async def _learn_from(self, member: Address) -> None: ...


class SentinelServers(_Learnt):
    """The master of a service, as Sentinels name it."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.sole: Address | None = None

    def find(self, command: bytes) -> Address:
        assert self.sole is not None
        return self.sole

    def everyone(self) -> Sequence[Address]:
        return (self.find(b""),)

    async def _learn_from(self, member: Address) -> None:
        service = self._address.service
        place = await _ask(member, pack(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service))
        if type(place) is ReplyError:
            if "unknown command" in str(place).lower():
                raise WrongConfiguration(
                    f"what listens at {member.shown} is no Sentinel; name Sentinels in the address (their port is "
                    "26379 by default), or write redis:// for a server"
                )
            raise errors.from_reply(place, member)
        if place is None:
            raise WrongConfiguration(
                f"the Sentinel at {member.shown} watches no service {service!r}; `SENTINEL MASTERS` there lists them"
            )
        master = self._address.at(place[0].decode(), int(place[1]))
        role = await _ask(master, _ROLE)
        if type(role) is ReplyError:
            raise errors.from_reply(role, master)
        if role[0] != b"master":  # a failover is under way, or this Sentinel has not heard of it
            raise BrokerUnavailable(f"the server at {master.shown} is not the master of {service!r} any more")
        self.sole = master


class ClusterServers(_Learnt):
    """The nodes of a Redis Cluster, each with its slots."""

    sole: Address | None = None

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._masters: list[Address] = []
        self._owners: list[Address | None] = []

    def find(self, command: bytes) -> Address:
        key = key_of(command)
        if key is None:
            return self._masters[0]
        slot = key_slot(key)
        owner = self._owners[slot]
        if owner is None:
            self.forget()
            raise BrokerUnavailable(f"no node of the cluster at {self._address.shown} serves slot {slot}")
        return owner

    def everyone(self) -> Sequence[Address]:
        return self._masters

    async def _learn_from(self, member: Address) -> None:
        ranges = await _ask(member, _CLUSTER_SLOTS)
        if type(ranges) is ReplyError:
            if "cluster support disabled" in str(ranges).lower():
                raise WrongConfiguration(
                    f"the server at {member.shown} is no node of a cluster; write redis:// in place of redis+cluster://"
                )
            raise errors.from_reply(ranges, member)
        if not ranges:
            raise BrokerUnavailable(f"the node at {member.shown} knows no slots; is it part of a cluster yet?")
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        masters: dict[Address, None] = {}
        replicas: dict[Address, None] = {}
        for first, last, master, *others in ranges:
            owner = self._node(master, member)
            masters[owner] = None
            replicas |= dict.fromkeys(self._node(other, member) for other in others)
            owners[first : last + 1] = [owner] * (last + 1 - first)
        self._owners, self._masters = owners, list(masters)
        self._members = _in_turn(self._members, [*masters, *replicas, *self._address.members])

    def _node(self, told: Sequence[Any], member: Address) -> Address:
        """A node that knows no name of itself says nothing, or `?`: then it is where it was asked."""
        host, port = told[0], told[1]
        if not host or host == b"?":
            return self._address.at(member.host, port)
        return self._address.at(host.decode(), port)


def _in_turn(before: Iterable[Address], now: Iterable[Address]) -> list[Address]:
    """The members of `now`, each once, in the order in which they were to be asked; new ones after them."""
    wanted = dict.fromkeys(now)
    return list(dict.fromkeys([*(member for member in before if member in wanted), *wanted]))


async def _ask(server: Address, command: bytes) -> Any:
    connection = Connection(server)
    try:
        (reply,) = await connection.call(command, 1, ASK_TIMEOUT_S)
        return reply
    finally:
        await connection.close()


def key_of(command: bytes) -> bytes | None:
    """The first key of a packed command of the broker; None if it has none. All keys of one command share a slot."""
    name, position = _word(command, command.index(b"\r\n") + 2)
    if name in _KEYLESS:
        return None
    for _ in range(_WORDS_BEFORE_KEY.get(name, 0)):
        _, position = _word(command, position)
    word, position = _word(command, position)
    if name in _READS:
        while word != b"STREAMS":
            word, position = _word(command, position)
        word, position = _word(command, position)
    return word


def _word(command: bytes, position: int) -> tuple[bytes, int]:
    """The word of a packed command at `position`, and the position of the next."""
    end = command.index(b"\r\n", position)
    start = end + 2
    after = start + int(command[position + 1 : end])
    return command[start:after], after + 2
