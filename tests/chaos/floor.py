"""What may be left when all work is done: no keys, consumers, connections, tasks, threads that nobody needs.

Role: looks at servers and processes at rest, and says in words what is there and should not be. Traces of killed
processes have a time to live; they are waited for, and tolerated when the campaign is too short for that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.chaos.census import Census
from tests.chaos.worker_process import CACHED_WORKFLOWS

CONSUMER_LIFE_SECONDS = 155.0
"""Two minutes of rest, after which an engine looks every thirty seconds."""

KEYS_BYTES_MAX = 256 * 1024
"""Of all keys that are left together: empty streams and a few small hashes."""

TASKS_MAX = 40
"""Of an engine or a worker at rest."""

THREADS_MAX = {"engine": 12, "worker": 130}
"""A worker's executor keeps its threads (100 at the most) for the next activities."""

FILES_MAX = 60

_KEEPS = re.compile(
    r"perdure:(epoch|cluster|streams|frontend|\{p\d+\}:inbox:\d+|\{[^}]*\}:(stream|meta):[wa]|\{[^}]*\}:fences)"
)
"""The keys that a cluster at rest has."""


@dataclass
class Rest:
    """`leaks` are wrong whenever they are seen; `traces` go away by themselves."""

    leaks: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    keys: int = 0
    keys_bytes: int = 0


async def look_at_redis(client: Any) -> Rest:
    """With engines running, and workers and clients gone."""
    rest = Rest()
    async for key in client.scan_iter(count=1000):
        name = key.decode()
        rest.keys += 1
        rest.keys_bytes += await client.memory_usage(key) or 0
        if not _KEEPS.fullmatch(name):
            lives_ms = await client.pttl(key)
            held = await _sample(client, key)
            (rest.leaks if lives_ms == -1 else rest.traces).append(f"Redis holds the key {name}: {held}")
        elif await client.type(key) == b"stream":
            await _look_at_stream(client, name, rest)
    if rest.keys_bytes > KEYS_BYTES_MAX and not rest.traces:
        rest.leaks.append(f"the keys of Redis take {rest.keys_bytes} bytes; at rest it should be {KEYS_BYTES_MAX}")
    return rest


async def _sample(client: Any, key: bytes) -> Any:
    """Something of what a key holds, for whoever looks for the cause."""
    match await client.type(key):
        case b"set":
            return await client.srandmember(key, 5)
        case b"hash":
            return dict(list((await client.hgetall(key)).items())[:5])
        case b"stream":
            return await client.xrange(key, count=2)
        case kind:
            return kind


async def _look_at_stream(client: Any, name: str, rest: Rest) -> None:
    length = await client.xlen(name)
    if length:
        rest.leaks.append(f"the stream {name} holds {length} entries")
    for group in await client.xinfo_groups(name):
        if group["pending"]:
            rest.leaks.append(f"{group['pending']} entries of {name} are pending")
        if "frontend" in name:
            continue  # its consumers are engines
        for consumer in await client.xinfo_consumers(name, group["name"]):
            text = f"the stream {name} has the consumer {consumer['name'].decode()}, idle for {consumer['idle']} ms"
            (rest.leaks if consumer["idle"] > CONSUMER_LIFE_SECONDS * 1000 else rest.traces).append(text)


def look_at_sessions(session: psycopg.Connection[tuple[Any, ...]], engines: int) -> list[str]:
    """Sessions of engines in Postgres: one of each purpose at the most, and none in an open transaction."""
    wrong = []
    for name, count in session.execute(
        "SELECT application_name, count(*) FROM pg_stat_activity WHERE application_name LIKE 'perdure %' GROUP BY 1"
    ):
        limit = engines * (2 if name == "perdure commit" else 1)
        if count > limit:
            wrong.append(f"Postgres has {count} sessions named {name!r} for {engines} engines")
    return wrong


def look_at_process(name: str, census: Census | None) -> list[str]:
    if census is None:
        return [f"{name} does not say what it holds"]
    wrong = []
    tasks = sum(census.tasks.values())
    if tasks > TASKS_MAX:
        wrong.append(f"{name} at rest has {tasks} tasks: {census.tasks}")
    if census.instances > CACHED_WORKFLOWS:
        wrong.append(f"{name} holds {census.instances} workflow instances and may cache {CACHED_WORKFLOWS}")
    if census.threads > THREADS_MAX[name.partition("-")[0]]:
        wrong.append(f"{name} at rest has {census.threads} threads")
    if census.files > FILES_MAX:
        wrong.append(f"{name} at rest has {census.files} open files")
    return wrong


def unexpected_in_logs(logs: dict[str, str]) -> Sequence[str]:
    """Tracebacks: whatever faults do, our processes say it in words of their own."""
    wrong = []
    for name, text in logs.items():
        count = text.count("Traceback (most recent call last)")
        if count:
            at = text.index("Traceback (most recent call last)")
            wrong.append(f"the log of {name} has {count} tracebacks; the first: {text[max(0, at - 300) : at + 1500]}")
    return wrong
