"""Expected errors end in a message; defects keep their traceback."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from perdure.cli.errors import CommandFailed, CommandGroup, explain
from perdure.exceptions import ApplicationError, RequestError


@click.group(cls=CommandGroup)
def group() -> None:
    """For tests."""


@group.command()
@click.argument("kind")
def fail(kind: str) -> None:
    """Fail."""
    raise {"expected": RequestError("[no] server"), "defect": KeyError("ours")}[kind]


def test_an_expected_error_is_a_message_on_standard_error() -> None:
    result = CliRunner().invoke(group, ["fail", "expected"])
    assert result.exit_code == 1
    assert result.stderr == "Error: [no] server\n"
    assert result.stdout == ""


def test_a_defect_is_not_hidden() -> None:
    result = CliRunner().invoke(group, ["fail", "defect"])
    assert isinstance(result.exception, KeyError)


def test_causes_are_told_once() -> None:
    error = RequestError("cannot start: no server")
    error.__cause__ = OSError("no server")
    assert explain(error) == "cannot start: no server"
    error.__cause__ = OSError("no\n\tserver")
    assert explain(error) == "cannot start: no server"
    error.__cause__ = ApplicationError("out of tea", type="TeaError")
    assert explain(error) == "cannot start: no server\n  caused by ApplicationError: TeaError: out of tea"
    assert explain(ValueError()) == "ValueError"


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert explain(first).count("first") == 1


def test_a_failed_command_is_a_click_error() -> None:
    with pytest.raises(click.ClickException, match="why"):
        raise CommandFailed("why")
