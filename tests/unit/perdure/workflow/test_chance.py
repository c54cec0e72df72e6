"""Chance in workflows: alike on every replay, unlike from run to run, and of the form that was asked for."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from perdure import workflow
from perdure.workflow import chance
from tests.workflow_story import BEGIN_US, Story


@workflow.defn
class Dice:
    def __init__(self) -> None:
        self.thrown: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        for _ in range(2):
            self.throw()
            await asyncio.sleep(1)
        return self.thrown

    def throw(self) -> None:
        named, other = workflow.new_random("a"), workflow.new_random("b")
        self.thrown += [str(draw) for draw in (named.random(), other.random(), workflow.new_random().random())]
        self.thrown += [str(draw) for draw in (workflow.random().random(), workflow.uuid4(), workflow.uuid7())]
        self.thrown += [str(draw) for draw in (chance.uuid1(), chance.uuid1(7, 3), workflow.random_seed())]

    @workflow.query
    def look(self) -> list[str]:
        return [str(workflow.random().random()), str(workflow.uuid4())]


def _told(*, is_looked_at: bool = False) -> Any:
    story = Story(Dice)
    for number in (1, 2):
        story.task()
        if is_looked_at:
            answers = [story.instance.query("look", b"") for _ in range(2)]
            assert answers[0] != answers[1]
        else:
            story.forget()
        story.fire_timer(str(number))
    story.task()
    return story.result


def test_each_is_the_same_on_every_replay() -> None:
    first, second = _told()[:9], _told()[9:]
    assert _told() == first + second
    assert [a != b for a, b in zip(first, second, strict=True)] == [False] * 3 + [True] * 5 + [False]


def test_a_query_draws_from_elsewhere() -> None:
    assert _told(is_looked_at=True) == _told()


def test_uuids_are_of_their_kind() -> None:
    thrown = _told()
    four, seven, one, given = (uuid.UUID(thrown[index]) for index in (4, 5, 6, 7))
    assert [item.version for item in (four, seven, one, given)] == [4, 7, 1, 1]
    assert {item.variant for item in (four, seven, one, given)} == {uuid.RFC_4122}
    assert seven.int >> 80 == BEGIN_US // 1000
    assert (one.time - 0x01B21DD213814000) // 10 == BEGIN_US
    assert one.node >> 40 & 1
    assert (given.node, given.clock_seq) == (7, 3)
    assert uuid.UUID(thrown[14]).int > seven.int


def test_outside_of_a_workflow_there_is_none() -> None:
    for call in (workflow.random, workflow.random_seed, workflow.new_random, workflow.uuid4, workflow.uuid7):
        with pytest.raises(workflow.NotInWorkflowError):
            call()
