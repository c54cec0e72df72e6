"""What the decorators of update handlers and validators accept, and what they record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RawValue
from perdure.workflow.update_handlers import UpdateDefinition, runtime_update


class Shop:
    @workflow.update
    async def order(self, item: str, count: int = 1) -> list[str]:
        return [item] * count

    @order.validator
    def check_order(self, item: str, count: int = 1) -> None: ...

    @workflow.update(name="close", description="no more orders")
    def close_shop(self) -> None: ...

    @workflow.update(dynamic=True, unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    def other(self, name: str, args: Sequence[RawValue]) -> None: ...


def definition_of(function: Any) -> UpdateDefinition:
    found = UpdateDefinition.of(function)
    assert found is not None
    return found


def test_a_handler_is_recorded_with_its_types_and_validator() -> None:
    order = definition_of(Shop.order)
    assert (order.name, order.is_async, order.result_type) == ("order", True, list[str])
    shop = Shop()
    assert order.bind_validator(shop) == shop.check_order
    assert order.count_problem(3) == "it takes 1 to 2 arguments and was given 3"
    close = definition_of(Shop.close_shop)
    assert (close.name, close.is_async, close.description, close.validator) == ("close", False, "no more orders", None)
    other = definition_of(Shop.other)
    assert (other.name, other.unfinished_policy) == (None, workflow.HandlerUnfinishedPolicy.ABANDON)


def test_a_handler_remains_a_method() -> None:
    shop = Shop()
    shop.close_shop()
    assert UpdateDefinition.of(Shop.check_order) is None


def test_what_a_handler_must_not_be() -> None:
    with pytest.raises(RuntimeError, match="a dynamic update handler has no name"):
        workflow.update(name="x", dynamic=True)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="must take positional parameters only"):

        @workflow.update
        def keyword(self: Any, *, only: int) -> None: ...

    with pytest.raises(RuntimeError, match=r"must take \(name: str, args: Sequence\[RawValue\]\) after self"):

        @workflow.update(dynamic=True)
        def short(self: Any) -> None: ...


def test_what_a_validator_must_not_be() -> None:
    @workflow.update
    def handler(self: Any, item: str) -> None: ...

    with pytest.raises(ValueError, match="must be a plain `def`: it must not wait"):

        @handler.validator
        async def waits(self: Any, item: str) -> None: ...

    with pytest.raises(ValueError, match="must take the same parameters; it takes 1, the handler 2"):

        @handler.validator  # type: ignore[arg-type]
        def short(self: Any) -> None: ...

    @handler.validator
    def first(self: Any, item: str) -> None: ...

    with pytest.raises(RuntimeError, match="update handler handler has a validator already"):

        @handler.validator
        def second(self: Any, item: str) -> None: ...


def test_a_handler_that_a_workflow_sets_takes_no_self() -> None:
    def handler(item: str) -> str:
        return item

    def validator(item: str) -> None: ...

    definition = runtime_update("own", handler, validator)
    assert definition.bind(None) is handler
    assert definition.bind_validator(None) is validator
    with pytest.raises(ValueError, match="must take the same parameters"):
        runtime_update("own", handler, lambda: None)
