"""The shapes of user functions hold what they are meant to hold, as a type checker sees it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, assert_type

from perdure.types import (
    CallableAsyncSingleParam,
    CallableSyncNoParam,
    MethodAsyncNoParam,
    MethodAsyncSingleParam,
    ParamType,
    ReturnType,
    SelfType,
)


class Order:
    async def place(self, count: int) -> str:
        return "x" * count

    async def cancel(self) -> bool:
        return True


def argument_of(method: MethodAsyncSingleParam[SelfType, ParamType, ReturnType], arg: ParamType) -> ParamType:
    return arg


def result_of(method: MethodAsyncNoParam[Any, ReturnType]) -> list[ReturnType]:
    return []


async def twice(count: int) -> int:
    return 2 * count


def now() -> float:
    return 0.0


async def test_parameter_and_result_types_are_carried_over() -> None:
    assert_type(argument_of(Order.place, 3), int)
    assert_type(result_of(Order.cancel), list[bool])
    function: CallableAsyncSingleParam[int, int] = twice
    plain: CallableSyncNoParam[float] = now
    pending: Awaitable[int] = function(2)
    assert (await pending, plain()) == (4, 0.0)
