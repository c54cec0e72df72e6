"""Signal and query handlers, as they are recorded and as they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RawValue
from perdure.workflow.handlers import QueryDefinition, SignalDefinition, runtime_query, runtime_signal


class Handlers:
    @workflow.signal
    def plain(self, a: int, b: str = "") -> None: ...

    @workflow.signal(name="other", unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON, description="d")
    async def renamed(self, *numbers: float) -> None: ...

    @workflow.signal(dynamic=True)
    def dynamic(self, name: str, args: Sequence[RawValue]) -> None: ...

    @workflow.query(dynamic=True)
    def dynamic_query(self, name: str, *args: Any) -> str:
        return name

    @workflow.query
    def total(self) -> int:
        return 1


def _signal(function: Any) -> SignalDefinition:
    found = SignalDefinition.of(function)
    assert found is not None
    return found


def test_what_is_recorded() -> None:
    assert _signal(Handlers.plain).name == "plain"
    renamed = _signal(Handlers.renamed)
    assert (renamed.name, renamed.is_async, renamed.description) == ("other", True, "d")
    assert renamed.unfinished_policy is workflow.HandlerUnfinishedPolicy.ABANDON
    assert _signal(Handlers.dynamic).name is None
    query = QueryDefinition.of(Handlers.total)
    assert query is not None
    assert query.result_type is int
    assert SignalDefinition.of(Handlers.total) is None


def test_how_many_arguments_fit() -> None:
    plain = _signal(Handlers.plain)
    assert plain.count_problem(1) is None
    assert plain.count_problem(2) is None
    assert plain.count_problem(0) == "it takes 1 to 2 arguments and was given 0"
    assert _signal(Handlers.renamed).count_problem(99) is None
    total = QueryDefinition.of(Handlers.total)
    assert total is not None
    assert total.count_problem(1) == "it takes 0 arguments and was given 1"


def test_a_dynamic_handler_takes_the_name_and_raw_values() -> None:
    raw = [RawValue(None)]  # type: ignore[arg-type]
    dynamic = _signal(Handlers.dynamic)
    assert dynamic.argument_hints(1) == (RawValue,)
    assert dynamic.call_arguments("x", raw) == ("x", raw)
    old = QueryDefinition.of(Handlers.dynamic_query)
    assert old is not None
    assert old.argument_hints(1) == ()
    assert old.call_arguments("x", [1, 2]) == ("x", 1, 2)


def test_handlers_that_a_workflow_sets() -> None:
    seen: list[int] = []
    definition = runtime_signal("add", seen.append)
    definition.bind(None)(5)
    assert seen == [5]
    assert runtime_query("q", lambda: 1).bind(None)() == 1


def test_mistakes() -> None:
    with pytest.raises(RuntimeError, match="has no name"):
        workflow.signal(name="a", dynamic=True)  # type: ignore[call-overload]

    async def waits(self: Any) -> None: ...

    with pytest.raises(ValueError, match="must be a plain `def`"):
        workflow.query(waits)

    def keywords(self: Any, *, needed: int) -> None: ...

    with pytest.raises(ValueError, match="positional parameters only"):
        workflow.signal(keywords)  # type: ignore[type-var]

    def too_few(self: Any) -> None: ...

    with pytest.raises(RuntimeError, match="must take"):
        workflow.signal(dynamic=True)(too_few)  # type: ignore[type-var]
