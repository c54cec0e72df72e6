"""Types of a user's function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.callable_types import CallableTypes, callable_types

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


def plain(a: int, b, c: list[str] | None = None) -> bool:  # type: ignore[no-untyped-def]
    return bool(a)


def variadic(first: str, *rest: float) -> None: ...


def half_known(a: int, b: Unknown) -> str:
    return ""


class Callee:
    def method(self, a: int) -> str:
        return ""

    def __call__(self, a: bytes) -> float:
        return 1.0


def test_arguments_and_result() -> None:
    assert callable_types(plain, has_self=False) == CallableTypes((int, None, list[str] | None), False, bool)


def test_the_last_hint_repeats_for_varargs() -> None:
    types = callable_types(variadic, has_self=False)
    assert types.hints(4) == (str, float, float, float)
    assert types.hints(1) == (str, float)


def test_self_is_no_argument() -> None:
    assert callable_types(Callee.method, has_self=True).arguments == (int,)
    assert callable_types(Callee().method, has_self=False).arguments == (int,)
    assert callable_types(Callee(), has_self=False) == CallableTypes((bytes,), False, float)


def test_a_name_that_exists_for_type_checkers_only_costs_no_other_type() -> None:
    types = callable_types(half_known, has_self=False)
    assert types.arguments == (int, None)
    assert types.result is str


def test_a_callable_without_hints() -> None:
    anything: Any = lambda x: x  # noqa: E731  # a function without annotations is meant
    assert callable_types(anything, has_self=False) == CallableTypes((None,), False, None)
