"""Namespaces on the command line."""

from __future__ import annotations

from perdure.protocol import frontend
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
    assert terminal.requests() == [frontend.SetRetention("short", 43_200_000)]
    assert terminal.json("namespace", "retention", "short", "60") == {"namespace": "short", "retention": 60.0}
    assert "no duration" in terminal.run("namespace", "retention", "short", "soon").stderr
