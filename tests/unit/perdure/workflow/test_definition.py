"""What `workflow.defn`, `run` and `init` record, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import workflow
from perdure.workflow.definition import WorkflowDefinition


@workflow.defn(name="order", sandboxed=False, failure_exception_types=[KeyError])
class Order:
    @workflow.init
    def __init__(self, number: int) -> None:
        self.number = number

    @workflow.run
    async def run(self, number: int) -> str:
        return str(number)

    @workflow.signal
    async def pay(self, amount: int) -> None: ...

    @workflow.query(name="paid")
    def how_much(self) -> int:
        return 0


@workflow.defn
async def simple(text: str) -> None: ...


def _of(target: Any) -> WorkflowDefinition:
    found = WorkflowDefinition.of(target)
    assert found is not None
    return found


def test_a_class() -> None:
    definition = _of(Order)
    assert definition is _of(Order.run)
    assert definition.name == "order"
    assert definition.takes_init_arguments
    assert definition.failure_exception_types == (KeyError,)
    assert definition.types.arguments == (int,)
    assert definition.result_type is str
    assert list(definition.signals) == ["pay"]
    assert list(definition.queries) == ["paid"]


def test_a_function() -> None:
    definition = _of(simple)
    assert (definition.name, definition.is_class) == ("simple", False)
    assert definition.types.arguments == (str,)


def test_a_subclass_is_a_workflow_by_its_own_decorator_only() -> None:
    class Special(Order):
        pass

    assert WorkflowDefinition.of(Special) is None
    assert WorkflowDefinition.of(str) is None


def test_a_subclass_may_override_with_decorators() -> None:
    @workflow.defn
    class Special(Order):
        @workflow.init
        def __init__(self, number: int) -> None:
            super().__init__(number)

        @workflow.run
        async def run(self, number: int) -> str:
            return await super().run(number)

        @workflow.signal
        async def pay(self, amount: int) -> None: ...

    assert _of(Special).name == "Special"
    assert set(_of(Special).signals) == {"pay"}


def _no_run() -> None:
    @workflow.defn
    class Nothing:
        pass


def _two_runs() -> None:
    @workflow.defn
    class Two:
        @workflow.run
        async def one(self) -> None: ...

        @workflow.run
        async def two(self) -> None: ...


def _inherited_run() -> None:
    @workflow.defn
    class Heir(Order):
        pass


def _not_async() -> None:
    @workflow.defn
    class Sync:
        @workflow.run
        def run(self) -> None: ...  # type: ignore[type-var]


def _sync_function() -> None:
    workflow.defn(lambda: None)  # type: ignore[call-overload]


def _two_signals() -> None:
    @workflow.defn
    class Twice:
        @workflow.run
        async def run(self) -> None: ...

        @workflow.signal(name="a")
        def one(self) -> None: ...

        @workflow.signal(name="a")
        def two(self) -> None: ...


def _undecorated_override() -> None:
    @workflow.defn
    class Forgetful(Order):
        @workflow.run
        async def run(self, number: int) -> str:
            return ""

        async def pay(self, amount: int) -> None: ...


def _init_differs() -> None:
    @workflow.defn
    class Differs:
        @workflow.init
        def __init__(self, other: str) -> None: ...

        @workflow.run
        async def run(self, number: int) -> None: ...


def _init_needs_arguments() -> None:
    @workflow.defn
    class Needs:
        def __init__(self, other: str) -> None: ...

        @workflow.run
        async def run(self) -> None: ...


def _init_elsewhere() -> None:
    workflow.init(lambda: None)


def _bad_name() -> None:
    workflow.defn(name="a\0")(simple)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (_no_run, "needs one @workflow.run method; it has no method"),
        (_two_runs, r"it has several \(one, two\)"),
        (_inherited_run, "inherits its run method"),
        (_not_async, "must be `async def`"),
        (_sync_function, "must be a class with a run method"),
        (_two_signals, "two signal handlers named 'a'"),
        (_undecorated_override, "overrides a signal handler; decorate it"),
        (_init_differs, "must be those of run"),
        (_init_needs_arguments, r"__init__ requires other; give them defaults"),
        (_init_elsewhere, "only be used on __init__"),
        (_bad_name, "NUL"),
    ],
)
def test_mistakes_are_named_where_they_are_made(mistake: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mistake()


def test_a_dynamic_workflow_has_no_name_and_takes_raw_values() -> None:
    with pytest.raises(RuntimeError, match="a dynamic workflow has no name"):
        workflow.defn(name="x", dynamic=True)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="must take one argument, of the type Sequence"):

        @workflow.defn(dynamic=True)
        async def two(first: int, second: int) -> None: ...
