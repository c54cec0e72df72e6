"""Keywords become positions."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.tasks.arguments import Signature


def plain(a: int, b: int = 2, c: int = 3) -> None: ...
def several(a: int, *rest: int) -> None: ...
def nothing() -> None: ...


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
    ],
)
def test_in_order(function: Any, args: tuple[int, ...], kwargs: dict[str, int], positions: list[int]) -> None:
    assert list(Signature(function).positions(args, kwargs)) == positions


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"a": 1}), ((1,), {"d": 1})])
def test_what_does_not_fit(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Signature(plain).positions(args, kwargs)
