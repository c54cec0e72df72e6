"""One workflow of the tests, and the answers that a fake engine gives to a client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure import workflow
from perdure.converter import DataConverter
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind

CONVERTER = DataConverter.default
Rows = Iterable[tuple[int, int, Any]]


@workflow.defn(name="Greeting")
class Greet:
    @workflow.run
    async def run(self, name: str) -> list[int]:
        return [len(name)]

    @workflow.signal(name="wave")
    def wave_back(self, times: int) -> None: ...

    @workflow.query
    def mood(self) -> tuple[int, int]:
        return (0, 1)


@workflow.defn
async def count_letters(text: str) -> int:
    return len(text)


def refuse(number: int, code: ErrorCode, message: str, **more: Any) -> Rows:
    yield number, ReplyKind.ERROR, ErrorReply(int(code), message, **more)
