"""The guides: their Python runs as it stands, beside `perdure worker` with the module that they write."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import PERDURE, ROOT, Cluster
from tests.integration.docs.guide_snippets import snippets, write_files

GUIDES = {"moving-from-bullmq.md": "tasks.py", "moving-from-celery.md": "shop.py"}
"""Each guide, and what its worker is given."""

MATRIX_TESTS = ("tests/unit/perdure/compat/celery", "tests/integration/compat")
"""Where the tests are that rows of the matrix name."""

TIMEOUT_SECONDS = 120


@pytest.mark.parametrize("name", GUIDES)
async def test_what_a_guide_shows_runs(cluster: Cluster, tmp_path: Path, name: str) -> None:
    guide = ROOT / "docs" / name
    write_files(guide, tmp_path)
    cluster.start_worker(*PERDURE, "worker", str(tmp_path / GUIDES[name]))
    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.integration.docs.guide_snippets", str(guide)],
        cwd=ROOT,
        env={
            **os.environ,
            "PERDURE_ADDRESS": cluster.address,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert told.returncode == 0, f"{told.stdout}{told.stderr}\n{cluster.logs()}"


def test_each_guide_is_run() -> None:
    with_python = {path.name for path in (ROOT / "docs").glob("*.md") if list(snippets(path))}
    assert with_python == set(GUIDES)


def test_each_row_of_the_matrix_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "moving-from-celery.md").read_text(encoding="utf-8")
    rows = page.partition("## The matrix\n")[2].partition("\n## ")[0].strip().splitlines()[2:]
    assert len(rows) > 40
    tests = {f"{path.name}::{name}" for folder in MATRIX_TESTS for path, name in _tests(ROOT / folder)}
    missing = [row for row in rows if row.rpartition("`")[0].rpartition("`")[2] not in tests]
    assert missing == []


def _tests(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node.name
