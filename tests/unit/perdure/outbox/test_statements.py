"""The SQL of the outbox: both forms, and what its table may be run with."""

from __future__ import annotations

import re

import pytest

from perdure.outbox.statements import ddl, named_statement, statement
from tests.tidy.source_tree import PACKAGES

NAMES = [path.stem for path in sorted((PACKAGES["perdure"] / "outbox" / "sql").glob("*.sql")) if path.stem != "table"]


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_says_what_it_is_for_and_stands_in_both_forms(name: str) -> None:
    text = (PACKAGES["perdure"] / "outbox" / "sql" / f"{name}.sql").read_text()
    assert text.startswith("-- Purpose: ")
    taken = re.findall(r"%\((\w+)\)s", statement(name))
    assert re.findall(r"(?<!:):(\w+)", named_statement(name)) == taken
    assert "--" not in statement(name)
    assert ";" not in statement(name)


def test_the_table_can_be_made_twice_and_takes_no_values() -> None:
    assert len(re.findall("IF NOT EXISTS", ddl())) == len(re.findall("CREATE ", ddl())) == 2
    assert "%" not in ddl(), "migration tools would take it for a value"
