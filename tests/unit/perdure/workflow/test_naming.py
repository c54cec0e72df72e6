"""Names and types, by definition or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RawValue
from perdure.workflow.naming import query_name_and_type, signal_name, workflow_name_and_type
from tests.unit.perdure.client.greeting import Greet, count_letters


def test_a_definition_knows_its_name_and_type() -> None:
    assert workflow_name_and_type(Greet.run) == ("Greeting", list[int])
    assert workflow_name_and_type(Greet) == ("Greeting", list[int])
    assert workflow_name_and_type(count_letters) == ("count_letters", int)
    assert signal_name(Greet.wave_back) == "wave"
    assert query_name_and_type(Greet.mood) == ("mood", tuple[int, int])


def test_a_name_is_itself() -> None:
    assert workflow_name_and_type("T") == ("T", None)
    assert signal_name("s") == "s"
    assert query_name_and_type("q") == ("q", None)


def test_what_has_no_definition_says_which_decorator() -> None:
    with pytest.raises(TypeError, match=r"print is not a workflow.*@workflow\.defn"):
        workflow_name_and_type(print)
    with pytest.raises(TypeError, match=r"@workflow\.signal"):
        signal_name(Greet.mood)
    with pytest.raises(TypeError, match=r"@workflow\.query"):
        query_name_and_type(Greet.wave_back)


@workflow.defn
class Other:
    @workflow.run
    async def run(self) -> None: ...

    @workflow.signal(dynamic=True)
    def anything(self, name: str, *args: Any) -> None: ...


@workflow.defn(dynamic=True)
class Whatever:
    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None: ...


def test_what_takes_all_that_has_no_name_has_none() -> None:
    with pytest.raises(TypeError, match="is not a signal with a name"):
        signal_name(Other.anything)
    with pytest.raises(TypeError, match="a dynamic workflow has no name of its own"):
        workflow_name_and_type(Whatever.run)
