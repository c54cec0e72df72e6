"""The command: a plan can be read before it is carried out, and a name that no fault has is refused."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import main
from tests.chaos.schedule import make_schedule


def test_a_plan_shows_every_fault_of_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plan", "--seed", "5", "--minutes", "1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("seed 5:")
    assert shown[1:] == [str(fault) for fault in make_schedule(5, 60)]


def test_kinds_are_chosen_by_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plan", "--seed", "5", "--kinds", "flushall, backend"]) == 0
    faults = capsys.readouterr().out.splitlines()[1:]
    assert faults
    assert all("FLUSHALL" in fault or "backend" in fault for fault in faults)


def test_a_word_that_no_fault_has_is_refused() -> None:
    with pytest.raises(SystemExit, match="no fault is named like 'earthquake'; there are: kill -9 an engine"):
        main(["--plan", "--kinds", "earthquake"])
