"""Programs written for `temporalio` run when their imports say `perdure`: those of `tests/ported`, which name the other
library, as a team would have them. Nothing but that word is changed."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from tests.cluster import ROOT, Cluster

PROGRAMS = ROOT / "tests" / "ported"
TIMEOUT_SECONDS = 90
LOOP_SCOPE = "asyncio_default_fixture_loop_scope=function"

PRINTED = {
    "auction": [
        "1 2 7",
        "ValueError 6 is not enough",
        "Credit broke has no credit",
        "True",
        "by-eve 3",
        "lamp ['ada', 'bob', 'eve'] {'whatever': 3}",
    ],
    "bakery": ["Unsold too dear [9.5] True", "cancelled True"],
    "escort": [
        "acme acme",
        "['run acme', 'update acme', 'signal acme', 'activity acme', 'local acme']",
    ],
    "families": [
        "ann is glad, ben is calm, Child Mood",
        "High Street 3 True",
        "True a family",
        "4 after True",
        "lonely True",
        "True",
        "not again",
        "True",
        "1",
    ],
    "sealed": ["4 4", "off the map", "False"],
    "workshop": ["iron True"],
    "counter_starter": ["6"],
}
"""What each program prints, line by line."""


@pytest.fixture
def ported(tmp_path: Path) -> Path:
    """A folder with the programs, moved over."""
    folder = tmp_path / "ported"
    folder.mkdir()
    for path in PROGRAMS.glob("*.py"):
        (folder / path.name).write_text(path.read_text().replace("temporalio", "perdure"))
    return folder


async def test_programs_print_what_they_printed_before(ported: Path, cluster: Cluster) -> None:
    worker = await _start(["counter_worker.py"], ported, cluster.address)
    programs = {name: await _start([f"{name}.py"], ported, cluster.address) for name in PRINTED}
    told = await asyncio.gather(*(_end(program) for program in programs.values()))
    assert {name: said.splitlines() for name, said in zip(programs, told, strict=True)} == PRINTED
    worker.send_signal(signal.SIGINT)
    assert await _end(worker) == "stopped\n"


async def test_the_tests_of_a_team_pass(ported: Path) -> None:
    pytest_run = ["-m", "pytest", "-q", "-c", os.devnull, "--rootdir=.", "-o", LOOP_SCOPE, "garden.py"]
    assert "3 passed" in await _end(await _start(pytest_run, ported, ""))


async def _start(arguments: list[str], folder: Path, address: str) -> Process:
    """Begin a program, which can be interrupted even if these tests were begun with interrupts ignored."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env={**os.environ, "TEMPORAL_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


async def _end(program: Process) -> str:
    """What a program printed.

    Raises:
        AssertionError: it did not end, or not well.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, errors = await program.communicate()
    except TimeoutError:
        program.kill()
        output, errors = await program.communicate()
        raise AssertionError(f"a program did not end:\n{output.decode()}{errors.decode()}") from None
    assert program.returncode == 0, output.decode() + errors.decode()
    return output.decode()
