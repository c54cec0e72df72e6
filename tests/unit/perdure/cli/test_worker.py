"""The worker's command line. (Working, and stopping: `tests/integration/client/test_commands_on_servers.py`.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.perdure.cli.terminal import Terminal

NOBODY = "127.0.0.1:1"
MODULE = "from perdure import activity\n@activity.defn\nasync def charge() -> None: ...\n"


@pytest.fixture
def module(tmp_path: Path) -> str:
    path = tmp_path / "only_for_this_test.py"
    path.write_text(MODULE)
    return str(path)


def test_a_module_that_names_no_queue_needs_the_option(terminal: Terminal, module: str) -> None:
    result = terminal.run("worker", module)
    assert result.exit_code == 2
    assert "--task-queue QUEUE" in result.stderr


def test_a_module_that_is_not_there(terminal: Terminal) -> None:
    result = terminal.run("worker", "no_such_module")
    assert result.exit_code == 1
    assert "there is no module 'no_such_module'" in result.stderr


def test_without_waiting_a_wrong_address_is_an_error(terminal: Terminal, module: str) -> None:
    result = terminal.run("worker", module, "--task-queue", "q", "--address", NOBODY, "--no-wait")
    assert result.exit_code == 1
    assert NOBODY in result.stderr
    assert "Traceback" not in result.output
