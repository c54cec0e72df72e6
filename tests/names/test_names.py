"""The table of names is what the code shows, and every difference from temporalio has a reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.names.surface import describe, surface
from tests.names.table import RULES, TABLE, THEIRS, differences, entries, render


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return surface("perdure")


def test_every_difference_has_a_reason(ours: dict[str, Any]) -> None:
    unexplained = [f"{e.module}.{e.name} is {e.status}" for e in entries(ours) if e.status != "same" and e.rule < 0]
    assert not unexplained, f"mend the name, or give the reason in tests/names/reasons.toml: {unexplained}"


def test_no_reason_is_stale(ours: dict[str, Any]) -> None:
    used = {entry.rule for entry in entries(ours)}
    stale = [rule["names"] for number, rule in enumerate(RULES) if number not in used]
    assert not stale, f"nothing differs for these reasons any more; remove them: {stale}"


def test_the_page_is_what_the_code_shows(ours: dict[str, Any]) -> None:
    advice = "names or signatures changed: run `python -m tests.names.table > sdk/NAMES.md`, and read what it changed"
    assert TABLE.read_text() == render(ours), advice


def test_the_comparison_can_fail() -> None:
    def theirs(a: int, *, b: int = 1, c: str = "x") -> None: ...
    def ours(a: int, *, b: int = 2, d: str) -> None: ...

    assert list(differences(describe(theirs), describe(ours))) == [
        "without `c`",
        "requires `d`",
        "default of `b` is 2, not 1",
    ]
    assert list(differences(describe(theirs), describe(theirs))) == []


def test_the_data_is_of_the_version_that_the_page_names() -> None:
    assert THEIRS["version"] == "1.35.0"
    assert len(THEIRS["modules"]) == 10
