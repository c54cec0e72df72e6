"""Shared options: defaults, environment, logging."""

from __future__ import annotations

import logging

import pytest
from click.testing import CliRunner

from perdure.cli import options
from perdure.cli.main import perdure
from perdure.cli.options import set_up_logging
from perdure.client import connection
from perdure.transport import DEFAULT_ADDRESS
from tests.unit.perdure.cli.terminal import Terminal

NOBODY = "127.0.0.1:1"


def test_the_default_address_is_that_of_dev(terminal: Terminal) -> None:
    assert DEFAULT_ADDRESS in terminal.run("workflow", "list", "--help").stdout


def test_an_address_without_a_server_is_named_with_what_to_do(terminal: Terminal) -> None:
    result = terminal.run("workflow", "list", "--address", NOBODY)
    assert result.exit_code == 1
    assert NOBODY in result.stderr
    assert "perdure dev" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_the_environment_names_the_address(terminal: Terminal) -> None:
    result = CliRunner(env={"PERDURE_ADDRESS": NOBODY}).invoke(perdure, ["workflow", "list"])
    assert NOBODY in result.stderr


def test_a_password_is_never_shown(terminal: Terminal) -> None:
    for address in (f"redis://ada:secret@{NOBODY}/0", "redis://ada:secret@", "ftp://ada:secret@host"):
        result = terminal.run("workflow", "list", "--address", address, "--log-level", "debug")
        assert result.exit_code == 1
        assert "secret" not in result.output


def test_logs_go_to_standard_error(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info")
    logging.getLogger("perdure.test").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "INFO    perdure.test: hello" in captured.err


def test_a_log_level_that_is_none(terminal: Terminal) -> None:
    result = terminal.run("workflow", "list", "--log-level", "loud")
    assert result.exit_code == 2
    assert "'loud' is not one of" in result.stderr


def test_the_silence_of_all_engines_is_noticed_early(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "SILENCE_S", 0.05)
    terminal.answer(lambda number, request: [])
    monkeypatch.setattr(connection, "TIMEOUT_S", 0.3)
    result = terminal.run("workflow", "describe", "order-7")
    assert result.exit_code == 1
    notice, error = result.stderr.split("Error:")
    assert "Redis answers at test, but no engine does so far" in notice
    assert "No engine answered in time" in error
