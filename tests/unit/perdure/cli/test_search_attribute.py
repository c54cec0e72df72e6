"""Search attributes on the command line."""

from __future__ import annotations

from perdure.protocol.operations import AddSearchAttributes, RemoveSearchAttribute
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.test_search_attributes import registry


def test_names_are_listed_created_and_removed(terminal: Terminal) -> None:
    terminal.answer(registry)
    assert terminal.json("search-attribute", "list") == {"Amount": "Int", "Tags": "KeywordList"}
    assert "KeywordList" in terminal.run("search-attribute", "list").stdout
    assert terminal.run("search-attribute", "create", "Due", "datetime").stdout == "Search attribute Due is Datetime.\n"
    assert terminal.requests() == [AddSearchAttributes("default", (("Due", 6),))]
    assert terminal.json("search-attribute", "remove", "Tags") == {"name": "Tags"}
    assert terminal.requests() == [RemoveSearchAttribute("default", "Tags")]
    assert "is not one of" in terminal.run("search-attribute", "create", "Due", "Colour").stderr
