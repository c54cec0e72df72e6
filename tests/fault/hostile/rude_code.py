"""Workflows and activities as nobody should write them: each does its worst, and only its own run may suffer."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.common import RetryPolicy
from perdure_engine.core.limits import PENDING_MAX

ONCE = RetryPolicy(maximum_attempts=1)
TIMEOUT = timedelta(seconds=10)


class Unsayable(Exception):
    """Raises when it is asked for its text."""

    def __str__(self) -> str:
        raise SystemExit(7)


class Unpicklable(Exception):
    """Cannot be put together again from what it keeps."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


@activity.defn
async def leave() -> None:
    raise SystemExit(3)


@activity.defn
async def interrupt() -> None:
    raise KeyboardInterrupt


@activity.defn
async def say_nothing() -> None:
    raise Unsayable


@activity.defn
async def return_much() -> bytes:
    return b"x" * 20_000_000


@activity.defn
async def return_deep() -> Any:
    value: Any = []
    for _ in range(5_000):
        value = [value]
    return value


@activity.defn
async def chain() -> None:
    """A failure with ten thousand causes, the last of which is the first."""
    first = error = ValueError("0")
    for number in range(10_000):
        later = ValueError(f"{number}")
        later.__cause__ = error
        error = later
    first.__cause__ = error
    raise error


@activity.defn
async def needs_a_number(number: int) -> int:
    return number


@activity.defn
def leave_thread() -> None:
    raise SystemExit(3)


@activity.defn
def die() -> None:
    os._exit(9)


@activity.defn
def raise_unpicklable() -> None:
    raise Unpicklable(1, 2)


ASYNC_ACTIVITIES = (leave, interrupt, say_nothing, return_much, return_deep, chain, needs_a_number, leave_thread)
PROCESS_ACTIVITIES = (die, raise_unpicklable)


@workflow.defn
class CallsRudely:
    """Fails because its activity does; the activity must not do more harm than that."""

    @workflow.run
    async def run(self, name: str) -> None:
        arguments = ["no number"] if name == "needs_a_number" else []
        await workflow.execute_activity(name, args=arguments, start_to_close_timeout=TIMEOUT, retry_policy=ONCE)


@workflow.defn
class IsRude:
    """Never gets anywhere: its workflow task fails, again and again, until somebody terminates it."""

    @workflow.run
    async def run(self, how: str) -> None:
        match how:
            case "endless":
                while True:
                    pass
            case "exit":
                raise SystemExit(3)
            case "interrupt":
                raise KeyboardInterrupt
            case "unsayable":
                raise Unsayable
            case "much":
                for _ in range(PENDING_MAX + 1):
                    workflow.start_activity(needs_a_number, 1, start_to_close_timeout=TIMEOUT)
                await workflow.sleep(100)
            case "no unicode":
                await workflow.execute_activity("\ud800", start_to_close_timeout=TIMEOUT)
            case "recursion":
                self._recurse()

    def _recurse(self) -> None:
        self._recurse()


RUDE_WAYS = ("endless", "exit", "interrupt", "unsayable", "much", "no unicode", "recursion")
