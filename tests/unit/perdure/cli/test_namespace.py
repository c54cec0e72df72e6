"""Namespaces on the command line."""

from __future__ import annotations

from perdure.protocol import operations
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.test_namespaces import registry


def test_list(terminal: Terminal) -> None:
    terminal.answer(registry)
    result = terminal.run("namespace", "list")
    assert "3 d" in result.stdout
    assert "Every other namespace keeps them for 3 days." in result.stderr
    assert terminal.json("namespace", "list")[1] == {"namespace": "short", "retention": 60.0}


def test_retention(terminal: Terminal) -> None:
    terminal.answer(registry)
    result = terminal.run("namespace", "retention", "short", "12h")
    assert result.stdout == "Closed runs of short are kept for 12 h.\n"
    assert terminal.requests() == [operations.SetRetention("short", 43_200_000)]
    assert terminal.json("namespace", "retention", "short", "60") == {"namespace": "short", "retention": 60.0}
    assert "no duration" in terminal.run("namespace", "retention", "short", "soon").stderr


def test_a_namespace_is_created_described_changed_and_deleted(terminal: Terminal) -> None:
    terminal.answer(registry)
    arguments = ("short", "--retention", "1m", "--description", "words")
    assert "words" in terminal.run("namespace", "create", *arguments).stdout
    assert terminal.requests() == [operations.PutNamespace("short", 60_000, "words", True)]
    assert terminal.json("namespace", "update", "short", "--description", "new")["retention"] == 60.0
    assert terminal.requests() == [operations.PutNamespace("short", 0, "new", False)]
    assert terminal.json("namespace", "describe", "short")["description"] == "words"
    assert terminal.run("namespace", "delete", "short").stdout == "Namespace short is forgotten.\n"
    assert terminal.requests() == [operations.DeleteNamespace("short")]
