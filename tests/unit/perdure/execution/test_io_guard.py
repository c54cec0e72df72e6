"""What workflow code must not do, and what Python may do for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from perdure import workflow
from perdure.execution import io_guard
from perdure.workflow import WorkflowIOError
from tests.workflow_story import Story

io_guard.install()


def _connect() -> None:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", 9))


@workflow.defn
class Doer:
    deed: Any = None

    @workflow.run
    async def run(self) -> str:
        return str(type(self).deed())

    @workflow.query
    def ask(self) -> str:
        return str(type(self).deed())


def _do(deed: Any) -> str:
    Doer.deed = staticmethod(deed)
    story = Story(Doer)
    story.task()
    return str(story.result)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda: Path(__file__).read_text(), r"opens a file: open \('.*test_io_guard.py'\).*in an activity"),
        (_connect, r"uses the network: socket\.connect"),
        (lambda: subprocess.run(["true"], check=False), r"starts a process: subprocess\.Popen"),
        (lambda: os.system("true"), r"os\.system"),
        (lambda: os.listdir("."), "changes or lists files"),
        (lambda: sqlite3.connect(":memory:"), "sqlite3"),
        (lambda: socket.getaddrinfo("localhost", 80), "getaddrinfo"),
        (lambda: threading.Thread(target=str).start(), r"starts a thread: threading\.Thread\.start.*in an activity"),
        (lambda: concurrent.futures.ThreadPoolExecutor(1).submit(str), "starts a thread"),
        (lambda: input("name? "), r"waits for the keyboard: builtins\.input"),
        (lambda: os.kill(os.getpid(), 0), r"ends a process: os\.kill"),
        (lambda: Path(__file__).touch(), "changes or lists files|opens a file"),
    ],
)
def test_refused_with_the_name_of_the_call_and_the_cure(deed: Any, words: str) -> None:
    with pytest.raises(WorkflowIOError, match=words):
        _do(deed)


@pytest.mark.parametrize(
    "deed",
    [
        lambda: asyncio.to_thread(str),
        lambda: asyncio.get_running_loop().run_in_executor(None, str),
        lambda: asyncio.open_connection("localhost", 80),
    ],
)
def test_what_asyncio_would_do_outside_is_refused_too(deed: Any) -> None:
    @workflow.defn
    async def does() -> None:
        await deed()

    with pytest.raises(WorkflowIOError, match=r"cannot be replayed, so a workflow must not use it: call an activity"):
        Story(does).task()


def test_printing_is_let_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def prints() -> str:
        print("hello from a workflow")
        return "printed"

    assert _do(prints) == "printed"
    assert capsys.readouterr().out == "hello from a workflow\n"


def test_a_query_handler_is_workflow_code_too() -> None:
    Doer.deed = staticmethod(str)
    story = Story(Doer)
    story.task()
    Doer.deed = staticmethod(lambda: os.listdir("."))
    with pytest.raises(WorkflowIOError):
        story.instance.query("ask", b"")


def test_importing_is_let_pass() -> None:
    sys.modules.pop("this_is_imported_by_a_workflow", None)
    sys.modules.pop("colorsys", None)

    def imports() -> str:
        import colorsys

        return colorsys.__name__

    assert _do(imports) == "colorsys"


def test_who_asks_to_be_let_out_is() -> None:
    def reads() -> str:
        with workflow.unsafe.sandbox_unrestricted():
            return Path(__file__).read_text()[:3]

    assert _do(reads) == '"""'


def test_outside_of_workflows_nothing_is_refused() -> None:
    assert os.listdir(Path(__file__).parent)


def test_the_first_conversion_by_type_opens_no_file_inside_of_a_workflow() -> None:
    """pydantic looks for plugins at its first use; in a fresh process that must not fall into a workflow."""
    program = """
import dataclasses, sys
from perdure.execution import io_guard
from perdure.converter.json_values import from_json

io_guard.install()
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)
from_json(b'{"x": 1}', dataclasses.make_dataclass("Point", [("x", int)]))
print([path for path in opened if not str(path).endswith((".py", ".pyc", ".so"))])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
