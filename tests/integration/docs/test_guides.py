"""The guides: their Python runs as it stands, beside `perdure worker` with the module that they write."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import PERDURE, ROOT, Cluster
from tests.integration.docs.guide_snippets import snippets, write_files

GUIDES = {"moving-from-bullmq.md": "tasks.py"}
"""Each guide, and what its worker is given."""

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
