"""The command line as a whole: help, version, unknown commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perdure.cli.main import COMMANDS
from tests.unit.perdure.cli.terminal import Terminal


def test_help_names_every_command(terminal: Terminal) -> None:
    result = terminal.run("--help")
    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(terminal: Terminal, name: str) -> None:
    result = terminal.run(name, "--help")
    assert result.exit_code == 0
    assert "Usage: perdure" in result.stdout


def test_an_unknown_command_is_a_usage_error(terminal: Terminal) -> None:
    result = terminal.run("wrokflow")
    assert result.exit_code == 2
    assert "No such command 'wrokflow'" in result.stderr


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "perdure.cli.main", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("perdure, version ")
