"""What runs in a process of its own: how it begins and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.worker.activity_process import ActivityProcess, ProcessDied
from tests.unit.perdure.worker.test_activity_process import CONTEXT, add, call
from tests.waiting import wait_until_blocking

ROOT = Path(__file__).resolve().parents[4]


def ignore_interrupts() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def break_down(word: str) -> None:
    raise RuntimeError(word)


def test_an_initializer_that_fails_is_the_reason() -> None:
    process = ActivityProcess(CONTEXT, break_down, ("no licence",), worker_stops=False)
    with pytest.raises(ProcessDied, match="the initializer of the activity executor failed: RuntimeError: no licence"):
        call(process, add, 1, 1)
    process.close()


def test_only_the_worker_hears_ctrl_c() -> None:
    process = ActivityProcess(CONTEXT, None, (), worker_stops=False)
    assert call(process, ignore_interrupts) == "went on"
    process.close()


def test_it_ends_when_its_worker_lets_go_of_it() -> None:
    process = ActivityProcess(CONTEXT, None, (), worker_stops=False)
    assert call(process, add, 1, 1) == 2
    process.close()
    process._process.join(10)
    assert process._process.exitcode == 0


_ORPHANING = """
import os, signal, threading
from perdure.worker.activity_process import ActivityProcess
from perdure.worker.process_call import pack_call
from tests.unit.perdure.activity.test_information import INFO
from tests.unit.perdure.worker.test_activity_process import CONTEXT, wait_to_be_stopped

def beaten(details):
    print(process._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

process = ActivityProcess(CONTEXT, None, (), worker_stops=False)
process.run(1, pack_call(wait_to_be_stopped, (), INFO), beaten)
"""


def test_it_does_not_outlive_its_worker() -> None:
    dying = subprocess.run([sys.executable, "-c", _ORPHANING], capture_output=True, text=True, cwd=ROOT, check=False)
    assert dying.returncode == -signal.SIGKILL, dying.stderr
    status = Path(f"/proc/{int(dying.stdout)}/stat")

    def is_gone() -> bool:
        try:
            return status.read_text().rpartition(")")[2].split()[0] == "Z"  # nobody may be there to collect it
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_until_blocking(is_gone, what="the process to end", timeout_seconds=10)
