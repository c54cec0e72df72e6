"""Applications that a module has: found, and asked where they are and what they poll."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from perdure.cli.application import SeveralApplications, application_among, chosen_address, chosen_queues


class Odd:
    """It has an application."""

    __perdure_application__: Any = SimpleNamespace(queues=["a", "b"], address=None)


class Other:
    """It has another one."""

    __perdure_application__: Any = SimpleNamespace(queues=["c"], address=None)


def test_a_module_has_one_or_none() -> None:
    odd = Odd()
    assert application_among("m", [("x", 3), ("y", "text"), ("z", Odd)]) is None
    assert application_among("m", [("x", odd), ("same", odd)]) is odd.__perdure_application__
    with pytest.raises(SeveralApplications, match="m has several applications: x, y; say which: m:x"):
        application_among("m", [("x", odd), ("y", Other())])


def test_what_is_polled() -> None:
    assert chosen_queues(None, None, "module's") == ["module's"]
    assert chosen_queues(None, "a,b", "module's") == ["a,b"]
    assert chosen_queues(None, None, "") == []
    assert chosen_queues(Odd.__perdure_application__, None, "") == ["a", "b"]
    assert chosen_queues(Odd.__perdure_application__, "c, d,", "") == ["c", "d"]


def test_without_an_application_the_address_is_as_always() -> None:
    assert chosen_address(None, "h:1") == "h:1"
