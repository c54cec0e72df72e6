"""What `activity.defn` records, and what a worker may be given."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.common import RawValue


@activity.defn
async def charge(amount: int, currency: str = "EUR") -> bool:
    return True


@activity.defn(name="renamed", no_thread_cancel_exception=True)
def refund(amount: int) -> None: ...


@activity.defn(dynamic=True)
async def anything(args: Any) -> None: ...


class Shop:
    @activity.defn
    async def pack(self, item: str) -> str:
        return item


@activity.defn
class Ship:
    async def __call__(self, item: bytes) -> float:
        return 1.0


def _of(target: Any) -> ActivityDefinition:
    found = ActivityDefinition.of(target)
    assert found is not None
    return found


def test_functions() -> None:
    assert (_of(charge).name, _of(charge).is_async) == ("charge", True)
    assert (_of(refund).name, _of(refund).is_async) == ("renamed", False)
    assert _of(refund).no_thread_cancel_exception
    assert _of(charge).types.arguments == (int, str)
    assert _of(charge).result_type is bool


def test_methods_and_classes() -> None:
    assert _of(Shop.pack).name == _of(Shop().pack).name == "pack"
    assert _of(Shop.pack).types.arguments == (str,)
    assert (_of(Ship).name, _of(Ship).is_async, _of(Ship).result_type) == ("Ship", True, float)
    assert _of(Ship).types.arguments == (bytes,)


def test_what_a_worker_runs() -> None:
    shop, ship = Shop(), Ship()
    packing = ActivityDefinition.to_register(shop.pack)
    assert packing.types.arguments == (str,)
    assert packing.function == shop.pack
    assert ActivityDefinition.to_register(ship).types.arguments == (bytes,)
    assert ActivityDefinition.to_register(charge).function is charge


def test_the_dynamic_activity_takes_raw_values() -> None:
    assert _of(anything).name is None
    assert _of(anything).argument_hints(2) == (RawValue, RawValue)


def test_what_a_worker_cannot_run_is_named() -> None:
    def forgotten() -> None: ...

    with pytest.raises(TypeError, match=r"forgotten is not an activity: decorate it"):
        ActivityDefinition.to_register(forgotten)
    with pytest.raises(TypeError, match=r"Ship\(\)"):
        ActivityDefinition.to_register(Ship)
    with pytest.raises(TypeError, match=r"Shop\.pack is a method that is bound to no object"):
        ActivityDefinition.to_register(Shop.pack)


def test_mistakes_in_the_decorator() -> None:
    with pytest.raises(RuntimeError, match="dynamic activity has no name"):
        activity.defn(name="x", dynamic=True)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="NUL"):
        activity.defn(name="a\0")(charge)
    with pytest.raises(TypeError, match="must be callable"):
        activity.defn()(5)  # type: ignore[type-var]
