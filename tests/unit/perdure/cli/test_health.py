"""The option of a worker's command line about its health."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from perdure.cli.health import health_target, health_told
from perdure.worker.health_check import HealthTarget


def test_a_place_is_taken_as_it_is_typed() -> None:
    assert health_target("8080").port == 8080
    with pytest.raises(click.BadParameter, match="no port 0"):
        health_target("0")


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "nowhere" / "alive"
    with (
        pytest.raises(click.ClickException, match=r"--health-check cannot use .*nowhere/alive"),
        health_told([], HealthTarget(wrong)),
    ):
        pass


def test_it_is_told_while_the_block_runs(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with health_told([], HealthTarget(path)):
        assert path.exists()
    assert not path.exists()
