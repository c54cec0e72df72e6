"""A short campaign: a dozen faults within seconds, and everything is well."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.campaign import Progress, Settings, run_campaign
from tests.chaos.report import as_json, print_result
from tests.chaos.schedule import FaultKind

SHORT = Settings(
    seed=1,
    seconds=8,
    gap_seconds=0.65,
    lanes=8,
    finish_seconds=60,
    rest_seconds=1,
    kinds=(
        FaultKind.KILL_ENGINE,
        FaultKind.KILL_WORKER,
        FaultKind.KILL_DRIVER,
        FaultKind.FREEZE_WORKER,
        FaultKind.EMPTY_REDIS,
        FaultKind.FAIL_OVER,
        FaultKind.FILL_REDIS_MEMORY,
        FaultKind.KILL_POSTGRES,
        FaultKind.FILL_POSTGRES_DISK,
        FaultKind.CUT_BEFORE_COMMIT,
        FaultKind.CUT_AFTER_COMMIT,
        FaultKind.SKEW_CLOCK,
    ),
)
"""What other tests of faults do not do already."""

WORKFLOWS_MIN = 15


async def test_a_short_campaign_is_well() -> None:
    result = await run_campaign(SHORT)
    console = Console(file=io.StringIO(), record=True, width=200)
    print_result(console, result)
    if result.problems:
        raise AssertionError(console.export_text() + "".join(result.logs.values())[-20_000:])
    assert result.findings.workflows >= WORKFLOWS_MIN
    assert result.findings.lost == 0
    assert sum(result.faults.values()) + sum(result.missed.values()) == len(result.schedule)
    told = json.loads(json.dumps(as_json(result)))
    assert told["ok"]
    assert told["side_effects"] == result.findings.effects


@pytest.fixture
def own_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a campaign makes its directory; with a short name, because the path of a socket is short."""
    directory = Path(tempfile.mkdtemp(prefix="cut-"))
    directory.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    shutil.rmtree(directory)


async def test_an_interrupted_campaign_leaves_nothing_behind(own_directory: Path) -> None:
    """Interrupted while a server is down, and processes work."""
    settings = replace(SHORT, seconds=60, kinds=(FaultKind.KILL_REDIS, FaultKind.FREEZE_BACKEND), gap_seconds=2.0)
    in_mid_run = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.effects and progress.under_way:
            in_mid_run.set()

    campaign = asyncio.create_task(run_campaign(settings, watch))
    waiting = asyncio.create_task(in_mid_run.wait())
    async with asyncio.timeout(90):
        await asyncio.wait([campaign, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert not campaign.done()
    assert len(_traces(own_directory)) > 8
    campaign.cancel()
    with pytest.raises(asyncio.CancelledError):
        await campaign
    assert _traces(own_directory) == []


def _traces(directory: Path) -> list[str]:
    """Files, mounts and processes that have to do with this directory."""
    found = [str(path) for path in directory.iterdir()]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(directory) in line]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(directory) in words:
                found.append(f"{path.parent.name} {words}")
    return found
