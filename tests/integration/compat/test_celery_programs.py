"""Programs written for Celery, in which nothing but the import lines is changed, do what they did under Celery.

The files `..._by_celery.txt` are what Celery 5.7 made of them, with Valkey as broker and backend: what the two programs
that call tasks printed, and what workers wrote into the journal (`celery -A shop worker -B -Q celery,reports`).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cluster import PERDURE, ROOT, Cluster

PROGRAMS = ROOT / "tests" / "ported" / "celery_shop"
TIMEOUT_SECONDS = 90
IMPORT_LINE = re.compile(r"^(from|import) celery\b", re.MULTILINE)
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A folder with the programs, moved over."""
    folder = tmp_path / "moved"
    folder.mkdir()
    for path in PROGRAMS.glob("*.py"):
        text, count = IMPORT_LINE.subn(r"\1 perdure.compat.celery", path.read_text())
        assert count
        (folder / path.name).write_text(text)
    return folder


def by_celery(name: str) -> list[str]:
    return (PROGRAMS / f"{name}_by_celery.txt").read_text().splitlines()


async def printed(name: str, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """What a program prints, line by line.

    Raises:
        AssertionError: it did not end, or not well.
    """
    work = folder / f"work of {name}"
    work.mkdir()
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        f"{name}.py",
        str(work),
        cwd=folder,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, errors = await program.communicate()
    except TimeoutError:
        program.kill()
        output, errors = await program.communicate()
        raise AssertionError(f"{name} did not end:\n{output.decode()}{errors.decode()}") from None
    assert program.returncode == 0, output.decode() + errors.decode()
    return output.decode().splitlines()


async def test_they_do_the_same(cluster: Cluster, moved: Path) -> None:
    journal = moved / "journal"
    variables = {"SHOP_BROKER": cluster.address, "SHOP_JOURNAL": str(journal)}
    worker = cluster.start_worker(*PERDURE, "worker", str(moved / "shop.py"), environment=variables)
    names = ("drive", "drive_canvas")
    told = await asyncio.gather(*(printed(name, moved, variables) for name in names), return_exceptions=True)
    assert told == [by_celery(name) for name in names], worker.output
    await asyncio.to_thread(worker.stop)
    assert sorted(IDS.sub("ID", line) for line in journal.read_text().splitlines()) == by_celery("journal")
