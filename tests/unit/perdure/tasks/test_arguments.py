"""Keywords become positions."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks.arguments import InOrder, Signature


def plain(a: int, b: int = 2, c: int = 3) -> None: ...
def several(a: int, *rest: int) -> None: ...
def nothing() -> None: ...
def named(a: int, b: int = 2, *, size: int, colour: str = "red") -> str:
    return f"{a} {b} {size} {colour}"


def optional(*, size: int = 1) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "positions"),
    [
        (plain, (1,), {}, [1]),
        (plain, (1, 5), {}, [1, 5]),
        (plain, (), {"a": 1}, [1]),
        (plain, (1,), {"c": 9}, [1, 2, 9]),
        (several, (1, 2, 3), {}, [1, 2, 3]),
        (several, (), {"a": 1}, [1]),
        (nothing, (), {}, []),
        (named, (1,), {"size": 5}, [1, 2, 5]),
        (named, (1, 7), {"size": 5, "colour": "blue"}, [1, 7, 5, "blue"]),
        (optional, (), {}, []),
        (optional, (), {"size": 3}, [3]),
    ],
)
def test_in_order(function: Any, args: tuple[int, ...], kwargs: dict[str, Any], positions: list[Any]) -> None:
    assert list(Signature(function).positions(args, kwargs)) == positions


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"a": 1}), ((1,), {"d": 1})])
def test_what_does_not_fit(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Signature(plain).positions(args, kwargs)


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((1, 2, 3), {}), ((1, 2, 3), {"size": 5})])
def test_what_is_given_by_name_is_not_given_by_position(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Signature(named).positions(args, kwargs)


def with_keywords(**keywords: int) -> None: ...
def with_rest(*rest: int, size: int) -> None: ...


@pytest.mark.parametrize(("function", "what"), [(with_keywords, "keywords"), (with_rest, "size: ")])
def test_what_has_no_place_is_refused(function: Any, what: str) -> None:
    with pytest.raises(TypeError, match=f"has .*{what}.*has no place among its arguments"):
        Signature(function)


def test_a_worker_gives_them_by_name_again() -> None:
    call = InOrder(named, named, Signature(named))
    assert call(1, 2, 5) == "1 2 5 red"
    assert call(1, 7, 5, "blue") == "1 7 5 blue"
    for values in [(1, 7, 5, "blue", 9), (1, 7)]:
        with pytest.raises(TypeError):
            call(*values)
