"""The commands as processes on real servers: `dev`, a worker, the whole life of a workflow, and a graceful end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until_blocking

MODULE = """
import asyncio
from datetime import timedelta
from perdure import activity, workflow

TASK_QUEUE = "greetings"

@activity.defn
async def greet(name: str) -> str:
    return f"hello {name}"

@workflow.defn
class Greet:
    def __init__(self) -> None:
        self.waves = 0

    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.wait_condition(lambda: self.waves > 0)
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))

    @workflow.signal
    def wave(self, times: int) -> None:
        self.waves += times

    @workflow.query
    def seen(self) -> int:
        return self.waves
"""

STOP_TIMEOUT_S = 60


class Session:
    """A directory of its own, an address of its own, and the processes started there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._environment = {**os.environ, "PERDURE_ADDRESS": f"127.0.0.1:{self.port}"}
        self._processes: list[subprocess.Popen[str]] = []
        (directory / "greetings.py").write_text(MODULE)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, and wait for the JSON that says it is ready."""
        log = self.directory / f"{name}-{len(self._processes)}.log"
        with log.open("w") as out, (self.directory / f"{log.name}.err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "perdure.cli.main", *arguments, "--json"],
                cwd=self.directory,
                env=self._environment,
                stdout=out,
                stderr=err,
                text=True,
            )
        self._processes.append(process)

        def ready() -> bool:
            assert process.poll() is None, (self.directory / f"{log.name}.err").read_text()
            return bool(log.read_text())

        wait_until_blocking(ready, what=f"{name} to be ready", timeout_seconds=60)
        return process

    def start_dev(self) -> subprocess.Popen[str]:
        return self.start("dev", "dev", "--data-dir", "data", "--port", str(self.port))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "perdure.cli.main", *arguments]
        return subprocess.run(
            command, cwd=self.directory, env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def close(self) -> None:
        for process in reversed(self._processes):
            stop(process)


def stop(process: subprocess.Popen[str]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return process.wait(STOP_TIMEOUT_S)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(tmp_path)
    yield made
    made.close()


def test_the_life_of_a_workflow_by_commands_alone(session: Session) -> None:
    dev = session.start_dev()
    started = session.json("workflow", "start", "Greet", "--task-queue", "greetings", "--id", "g", "--input", '"ada"')
    assert session.json("workflow", "describe", "g")["pollers"] == []
    worker = session.start("worker", "worker", "greetings")
    assert session.json("workflow", "query", "g", "seen")["result"] == 0
    session.json("workflow", "signal", "g", "wave", "--input", "1")
    assert session.json("workflow", "result", "g")["result"] == "hello ada"
    description = session.json("workflow", "describe", "g")
    assert (description["status"], description["run_id"]) == ("COMPLETED", started["run_id"])
    assert len(description["pollers"]) == 1
    types = [event["eventType"] for event in session.json("workflow", "show", "g")["events"]]
    assert types[-1] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"

    def listed() -> bool:
        return [row["workflow_id"] for row in session.json("workflow", "list")] == ["g"]

    wait_until_blocking(listed, what="the workflow in the list")
    assert session.json("dead-letter", "list") == []
    assert stop(worker) == 0
    assert stop(dev) == 0


def test_the_state_of_dev_survives_a_restart_and_nobody_shares_its_directory(session: Session) -> None:
    first = session.start_dev()
    session.json("workflow", "start", "Greet", "--task-queue", "greetings", "--id", "g", "--input", '"ada"')
    refused = session.run("dev", "--data-dir", "data", "--port", str(session.port + 1))
    assert refused.returncode == 1
    assert f"process {first.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert stop(first) == 0
    session.start_dev()
    assert session.json("workflow", "describe", "g")["status"] == "RUNNING"
    session.start("worker", "worker", "greetings.py")
    session.json("workflow", "signal", "g", "wave", "--input", "1")
    assert session.json("workflow", "result", "g")["result"] == "hello ada"
