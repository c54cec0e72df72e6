"""What runs in a process of its own: how it begins and ends."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.protocol.codec import pack
from perdure.protocol.tasks import encode_task
from perdure.worker.activity_process import ActivityProcess, ProcessDied
from perdure.worker.process_call import outcome_of
from perdure.worker.process_frames import Kind
from tests.unit.perdure.worker.process_stage import Called, Owner, call, process_of, until
from tests.unit.perdure.worker.test_activity_process import add
from tests.waiting import wait_until_blocking
from tests.worker_stage import activity_task

ROOT = Path(__file__).resolve().parents[4]


def ignore(number: int) -> str:
    os.kill(os.getpid(), number)
    return "went on"


def started_and_ended_by(number: int) -> int:
    started = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(600)"], stdout=-1
    )
    assert started.stdout is not None
    with started.stdout:
        started.stdout.readline()
        started.send_signal(number)
        return started.wait(30)


@activity.defn
def describe(word: str) -> list[object]:
    info = activity.info()
    return [word, info.activity_type, info.attempt, info.workflow_id, info.task_queue]


class OfTask(Called):
    """A call that is made of a task."""

    def __init__(self, task: bytes, number: int) -> None:
        super().__init__(describe)
        self.data = pack((number, task))

    def give_to(self, process: ActivityProcess) -> None:
        self.process = process
        process.give(self, Kind.TASK, self.data)

    def answered(self, kind: Kind, body: bytes) -> None:
        self.outcome.set_result((kind, body))


def break_down(word: str) -> None:
    raise RuntimeError(word)


async def test_an_initializer_that_fails_is_the_reason() -> None:
    async with process_of(Owner(), initializer=break_down, initargs=("no licence",)) as process:
        with pytest.raises(ProcessDied, match="initializer of the activity executor failed: RuntimeError: no licence"):
            await call(process, add, 1, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_only_the_worker_hears_that_it_is_to_end(number: signal.Signals) -> None:
    """What an activity starts is ended by these as usual."""
    async with process_of(Owner()) as process:
        assert await call(process, ignore, number) == "went on"
        assert await call(process, started_and_ended_by, number) == -number


async def test_it_ends_when_its_worker_lets_go_of_it() -> None:
    async with process_of(Owner()) as process:
        assert await call(process, add, 1, 1) == 2
    assert process._process.exitcode == 0


async def test_it_says_once_that_it_has_grown_beyond_its_bound() -> None:
    owner = Owner()
    async with process_of(owner, memory_max=1) as process:
        for number in range(3):
            assert await call(process, add, number, 1) == number + 1
        await until(lambda: len(owner.sizes) == 1, "a word about its memory")
        assert owner.sizes[0] > 1_000_000
    async with process_of(owner, memory_max=1 << 40) as process:
        assert await call(process, add, 1, 1) == 2
    assert len(owner.sizes) == 1


async def test_a_task_is_all_that_a_process_needs() -> None:
    """It is told its function once; arguments are decoded, and the result is encoded, there."""
    async with process_of(Owner()) as process:
        definition = ActivityDefinition.of(describe)
        assert definition is not None
        number = process.function_number(pickle.dumps(definition))
        assert process.function_number(pickle.dumps(definition)) == number == 1
        for word in ("one", "two"):
            told = OfTask(encode_task(activity_task("describe", word, attempt=2)), number)
            told.give_to(process)
            process.flush()
            kind, body = await told.result()
            assert kind == Kind.RESULT
            assert DataConverter.default.from_bytes(body) == [[word, "describe", 2, "wf", "queue"]]
        wrong = OfTask(encode_task(activity_task("describe", 1, 2)), number)
        wrong.give_to(process)
        process.flush()
        kind, body = await wrong.result()
        with pytest.raises(ApplicationError, match="arguments of activity 'describe' do not fit its parameters"):
            outcome_of(body)


async def test_a_function_that_cannot_be_had_there_fails_each_of_its_tasks() -> None:
    async with process_of(Owner()) as process:
        number = process.function_number(b"cnowhere.to.be\nfound\n.")
        for _ in range(2):
            told = OfTask(encode_task(activity_task("describe", "x")), number)
            told.give_to(process)
            process.flush()
            _, body = await told.result()
            with pytest.raises(ModuleNotFoundError):
                outcome_of(body)


_ORPHANING = """
import asyncio, os, signal
from tests.unit.perdure.worker.process_stage import Owner, begin, process_of
from tests.unit.perdure.worker.test_activity_process import wait_to_be_stopped

async def main():
    async with process_of(Owner()) as process:
        await begin(process, wait_to_be_stopped)
        print(process._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
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
