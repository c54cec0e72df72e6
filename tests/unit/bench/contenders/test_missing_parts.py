"""A peer whose parts are missing is left out, with what brings them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contenders import CONTENDERS, missing_parts
from bench.contenders.missing_parts import missing_module, missing_node_package


def test_a_python_package() -> None:
    assert missing_module("json", "click") is None
    assert "perdure_no_such_package is not installed" in (missing_module("json", "perdure_no_such_package") or "")


def test_node_itself() -> None:
    assert "no perdure-no-such-program on the PATH" in (missing_node_package(program="perdure-no-such-program") or "")


def test_a_package_of_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(missing_parts, "NODE_FOLDER", tmp_path)
    assert "npm install" in (missing_node_package("bullmq", program="python3") or "")
    (tmp_path / "node_modules" / "bullmq").mkdir(parents=True)
    assert missing_node_package("bullmq", program="python3") is None


@pytest.mark.parametrize("name", CONTENDERS)
def test_everybody_takes_part_or_says_why_in_one_line(name: str) -> None:
    reason = CONTENDERS[name].absence()
    assert reason is None or (reason and "\n" not in reason)
