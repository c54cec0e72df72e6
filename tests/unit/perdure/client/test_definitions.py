"""Names and types, by definition or by name."""

from __future__ import annotations

import pytest

from perdure.client.definitions import query_name_and_type, signal_name, workflow_name_and_type
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
