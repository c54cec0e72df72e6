"""Search attributes that workflows set: their names must have their types before an engine is told.

Role: looks through the commands of a workflow task; those that name something new wait until an engine has registered
it. A name that has another type already is answered as if an engine had refused the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perdure.attribute_types import AttributeTypes
from perdure.protocol.commands import Command
from perdure.protocol.replies import ReplyKind
from perdure.transport import OnReply
from perdure.worker.link import WorkerLink


class UpsertedTypes:
    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        self._types = AttributeTypes(link.transport, link.namespace)

    def post(self, commands: Sequence[Command], post: Callable[[], None], on_reply: OnReply) -> None:
        """Call `post` when all that the commands name is registered; `on_reply` with the refusal, if it cannot be."""
        packed = [data for command in commands if (data := getattr(command, "search_attributes", b""))]
        unknown = self._types.unknown(packed) if packed else {}
        if unknown:
            self._link.in_background(self._register(unknown, post, on_reply))
        else:
            post()

    async def _register(self, types: dict[str, int], post: Callable[[], None], on_reply: OnReply) -> None:
        refusal = await self._types.register(types, timeout_s=None)
        if refusal is None:
            post()
        else:
            on_reply(ReplyKind.ERROR, tuple(refusal))
