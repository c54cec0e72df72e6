"""The Lua scripts, loaded once from `lua/`: one script, one purpose.

Role: reads the files, puts shared fragments in (`-- include: name` stands for `lua/fragments/name.lua`), and packs
calls by digest. A server that does not know a digest answers NOSCRIPT; whoever calls then sends `LOAD_ALL` and the call
again (see `session`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files

from perdure_broker.wire import pack

_INCLUDE = re.compile(r"^-- include: (\w+)$", re.MULTILINE)


class Script:
    """One script. Its arguments are in the head of its file."""

    def __init__(self, name: str) -> None:
        folder = files("perdure_broker") / "lua"
        text = (folder / f"{name}.lua").read_text(encoding="utf-8")
        self.name = name
        self.source = _INCLUDE.sub(
            lambda match: (folder / "fragments" / f"{match[1]}.lua").read_text(encoding="utf-8"), text
        ).encode()
        self.digest = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()

    def call(self, keys: Sequence[bytes], arguments: Sequence[bytes | str | int] = ()) -> bytes:
        """The packed call."""
        return pack(b"EVALSHA", self.digest, len(keys), *keys, *arguments)


ALL: list[Script] = []


def _load(name: str) -> Script:
    script = Script(name)
    ALL.append(script)
    return script


EPOCH = _load("epoch")
ANNOUNCE_CLUSTER = _load("announce_cluster")
PUBLISH = _load("publish")
PUBLISH_BACKLOG = _load("publish_backlog")
PUBLISH_QUERY = _load("publish_query")
FINISH = _load("finish")
REGISTER_STREAMS = _load("register_streams")
RAISE_FENCE = _load("raise_fence")
TAKE_DISPATCH = _load("take_dispatch")
MARK_BACKLOG = _load("mark_backlog")
CLEAR_BACKLOG = _load("clear_backlog")
ANNOUNCE_WORKER = _load("announce_worker")
WITHDRAW_WORKER = _load("withdraw_worker")
QUEUE_STATE = _load("queue_state")
COLLECT = _load("collect")
UNLINK_IDLE = _load("unlink_idle")
FORGET_STICKY = _load("forget_sticky")
TAKE_TASKS = _load("take_tasks")
MAKE_GROUP = _load("make_group")
RENEW_LEASES = _load("renew_leases")
ANNOUNCE = _load("announce")
RENEW_ANNOUNCED = _load("renew_announced")
WITHDRAW_ANNOUNCED = _load("withdraw_announced")
SCAN_ANNOUNCED = _load("scan_announced")
OPEN_REPLIES = _load("open_replies")
REPLY_WHEN_FULL = _load("reply_when_full")
FLOW_STATE = _load("flow_state")
ADMIT = _load("admit")
HOLD = _load("hold")
HOLDS = _load("holds")

LOAD_ALL: tuple[bytes, ...] = tuple(pack(b"SCRIPT", b"LOAD", script.source) for script in ALL)
"""Commands that teach a server all scripts."""
