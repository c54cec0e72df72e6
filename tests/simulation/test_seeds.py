"""Seeds: engines, workers, servers and connections fail as they say; nothing is lost, and everything ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import virtual_loop
from tests.simulation.campaign import run_campaign
from tests.simulation.rules import Rule
from tests.simulation.scenario import read_scenario
from tests.simulation.simulating import simulate, simulate_scenario

SEEDS = range(1, 31)
"""A short version: `make sim RUNS=1000` has more of them, and says what they come to."""

KEPT = sorted((Path(__file__).parent / "kept").glob("*.json"))
"""Scenarios that failed once, shrunk."""

ROOT = Path(__file__).parents[2]


def test_nothing_is_lost_whatever_fails() -> None:
    report = run_campaign(SEEDS)
    told = {seed: [str(finding) for finding in found] for seed, found in report.wrong.items()}
    assert not told, f"again, shrunk and with a transcript, by `make sim SEED={min(told)}`: {told}"
    assert report.runs == len(SEEDS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_failed_once_does_so_no_more(path: Path) -> None:
    verdict = simulate_scenario(read_scenario(path.read_text(encoding="utf-8")))
    assert not verdict.wrong, f"again by `python -m tests.simulation --scenario {path}`: {verdict.wrong}"


def test_a_run_without_an_end_is_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug may make more and more of something, and the hunt for it must go on all the same."""
    monkeypatch.setattr(virtual_loop, "TURNS_MAX", 10_000)
    assert [finding.rule for finding in simulate(7).wrong] == [Rule.LIVENESS]


def test_a_seed_says_everything() -> None:
    """Also in another process, whose strings have other hashes and whose objects lie elsewhere."""
    seed = 7
    code = f"from tests.simulation.simulating import simulate; print(simulate({seed}).trace)"
    import_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": import_path}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.stdout.strip() == simulate(seed).trace, told.stderr
