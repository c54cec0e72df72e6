"""The page of guarantees: what it names is there, and what it shows is what runs."""

from __future__ import annotations

import re

from tests.tidy.source_tree import ROOT

PAGE = (ROOT / "GUARANTEES.md").read_text(encoding="utf-8")


def test_every_check_that_it_names_is_there() -> None:
    paths = re.findall(r"\btests(?:/[\w.]+)+", PAGE)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"`make (\w+)", PAGE))
    assert targets >= {"sim", "chaos", "soak"}
    assert [target for target in targets if f"\n{target}: " not in makefile] == []
    modules = re.findall(r"python -m ([\w.]+)", PAGE)
    assert [name for name in modules if not (ROOT / name.replace(".", "/") / "__main__.py").exists()] == []


def test_the_code_that_it_shows_is_the_examples() -> None:
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    example = (ROOT / "sdk" / "examples" / "charge_once.py").read_text(encoding="utf-8")
    shown = example.partition("# --- effectively once\n")[2].partition("    # ---\n")[0]
    assert block.strip() == shown.strip()
