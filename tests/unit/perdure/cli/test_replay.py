"""`perdure workflow replay`: from files, from a cluster, for programs, and under the debugger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.client import WorkflowHistory
from perdure.protocol.events import encode_records
from perdure.protocol.frontend import ExecutionPage, ExecutionSummary, ListWorkflows
from perdure.protocol.replies import HistoryPage, ReplyKind
from perdure.protocol.requests import GetHistory
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows
from tests.workflow_story import RUN_ID, Story

CODE = """
from datetime import timedelta
from perdure import workflow

@workflow.defn
class Tea:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("{activity}", start_to_close_timeout=timedelta(seconds=5))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the code of a workflow, the same changed, and a history of the first."""
    monkeypatch.chdir(tmp_path)
    for name, activity in (("tea_code", "brew"), ("tea_changed", "boil")):
        (tmp_path / f"{name}.py").write_text(CODE.format(activity=activity))
    yield tmp_path
    for name in ("tea_code", "tea_changed"):
        sys.modules.pop(name, None)


@pytest.fixture
def history(folder: Path) -> WorkflowHistory:
    made: dict[str, Any] = {"__name__": __name__}
    exec(CODE.format(activity="brew"), made)
    story = Story(made["Tea"])
    story.task()
    story.complete_activity("1")
    story.task()
    found = WorkflowHistory("tea-1", story.events, RUN_ID)
    (folder / "histories").mkdir()
    (folder / "histories" / "tea-1.json").write_text(found.to_json())
    return found


def test_the_same_code_passes(terminal: Terminal, history: WorkflowHistory) -> None:
    result = terminal.run("workflow", "replay", "tea_code.py", "--history", "histories")
    assert result.exit_code == 0, result.output
    assert result.stdout == "ok      tea-1  (11 events)\n1 of 1 histories replay with this code.\n"


def test_a_change_does_not(terminal: Terminal, history: WorkflowHistory) -> None:
    result = terminal.run("workflow", "replay", "tea_changed.py", "--history", "histories/tea-1.json")
    assert result.exit_code == 1
    assert f"FAILED  tea-1  (run {RUN_ID})" in result.stdout
    assert "issues ScheduleActivityTask (activity 'boil', id '1')" in result.stdout
    assert "tea_changed.py:9 in Tea.run" in result.stdout
    assert "1 of 1 histories do not replay with this code" in result.stderr


def test_for_programs(terminal: Terminal, history: WorkflowHistory) -> None:
    told = terminal.json("workflow", "replay", "tea_code.py", "--history", "histories")
    assert told == {
        "replayed": 1,
        "failed": 0,
        "histories": [{"workflow_id": "tea-1", "run_id": RUN_ID, "events": 11, "failure": None}],
    }
    result = terminal.run("workflow", "replay", "tea_changed.py", "--history", "-", "--json", input=history.to_json())
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)["histories"]
    assert row["failure"]["type"] == "NondeterminismError"


def test_from_a_cluster(terminal: Terminal, history: WorkflowHistory) -> None:
    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, ListWorkflows):
            row = ExecutionSummary("default", "tea-1", RUN_ID, "Tea", "q", 1, 1_000_000, 0, 0, 0, 0, b"")
            yield number, ReplyKind.OK, ExecutionPage((row,))
        else:
            yield number, ReplyKind.OK, HistoryPage((encode_records(history.events),), b"", RUN_ID)

    terminal.answer(answer)
    found = terminal.json("workflow", "replay", "tea_code.py", "--filter", "WorkflowType = 'Tea'", "--limit", "3")
    assert (found["replayed"], found["failed"]) == (1, 0)
    assert terminal.requests(ListWorkflows)[0].page_size == 3
    assert terminal.requests(GetHistory)[0].run_id == RUN_ID
    found = terminal.json("workflow", "replay", "tea_code.py", "--workflow-id", "tea-1")
    assert found["histories"][0]["run_id"] == RUN_ID


def test_nothing_to_replay_is_no_success(terminal: Terminal, folder: Path) -> None:
    terminal.answer(lambda number, _: [(number, ReplyKind.OK, ExecutionPage(()))])
    result = terminal.run("workflow", "replay", "tea_code.py", "--filter", "")
    assert result.exit_code == 1
    assert "nothing was replayed" in result.stderr


def test_under_the_debugger(terminal: Terminal, history: WorkflowHistory) -> None:
    """In a process of its own: click's runner keeps debuggers on the real terminal."""
    arguments = ["workflow", "replay", "tea_code.py", "--history", "histories", "--debug", "--event-id", "5"]
    command = [sys.executable, "-m", "perdure.cli.main", *arguments]
    result = subprocess.run(command, input="where\ncontinue\n", capture_output=True, text=True, check=True)
    assert '-> await workflow.execute_activity("brew"' in result.stdout
    assert "run_until_idle()" in result.stdout
    assert "Replaying tea-1, 11 events" in result.stderr


def test_a_place_that_no_code_has_seen(terminal: Terminal, history: WorkflowHistory) -> None:
    result = terminal.run("workflow", "replay", "tea_code.py", "--history", "histories", "--debug", "--event-id", "99")
    assert result.exit_code == 1
    assert "the history has no event 99" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say which histories"),
        (("--history", "tea_code.py", "--workflow-id", "x"), "say which histories"),
        (("--history", "tea_code.py", "--event-id", "3"), "--event-id goes with --debug"),
        (("--history", "tea_code.py"), "tea_code.py is no history"),
        (("--history", "empty"), "has no *.json"),
        (("--history", "nowhere"), "does not exist"),
    ],
)
def test_mistakes_are_named(terminal: Terminal, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "empty").mkdir()
    result = terminal.run("workflow", "replay", "tea_code.py", *arguments)
    assert result.exit_code
    assert words in result.stderr


def test_a_module_without_workflows(terminal: Terminal, folder: Path) -> None:
    (folder / "acts_only.py").write_text("from perdure import activity\n\n@activity.defn\ndef act() -> None: ...\n")
    result = terminal.run("workflow", "replay", "acts_only.py", "--filter", "")
    assert "defines no workflow" in result.stderr
    sys.modules.pop("acts_only", None)
