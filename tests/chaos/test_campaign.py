"""A short campaign: a dozen faults within seconds, and everything is well."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.campaign import Progress, Settings, run_campaign
from tests.chaos.report import as_json, print_result
from tests.chaos.schedule import FaultKind
from tests.chaos.stage import PREFIX

SHORT = Settings(
    seed=1,
    seconds=10,
    gap_seconds=0.8,
    lanes=8,
    finish_seconds=60,
    rest_seconds=2,
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

WORKFLOWS_MIN = 20


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


async def test_an_interrupted_campaign_leaves_nothing_behind() -> None:
    """Interrupted while a server is down, and processes work."""
    settings = replace(SHORT, seconds=60, kinds=(FaultKind.KILL_REDIS, FaultKind.FREEZE_BACKEND), gap_seconds=2.0)
    before = _traces()
    in_mid_run = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.effects and progress.under_way:
            in_mid_run.set()

    campaign = asyncio.create_task(run_campaign(settings, watch))
    async with asyncio.timeout(60):
        await asyncio.wait([campaign, asyncio.create_task(in_mid_run.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert len(_traces()) > len(before) + 5
    campaign.cancel()
    with pytest.raises(asyncio.CancelledError):
        await campaign
    assert _traces() <= before


def _traces() -> set[str]:
    """Directories, mounts and processes of campaigns."""
    found = {str(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}
    found |= {line for line in Path("/proc/self/mounts").read_text().splitlines() if PREFIX in line}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if PREFIX in words:
                found.add(f"{path.parent.name} {words}")
    return found
