"""Words that a reader needs, and words that must not be there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.source_tree import (
    ROOT,
    bench_modules,
    example_modules,
    product_modules,
    suite_modules,
    tracked_files,
)

BANNED_FILE_NAMES = re.compile(r"^(utils?|helpers?|manager|misc|common)$")
PUBLIC_COMMON = ROOT / "sdk" / "perdure" / "common.py"
"""The one module of that name: users know it from `temporalio.common`."""

TOP_FOLDERS = {"engine", "broker", "store", "sdk", "bench", "tests", "compose", "docs"}


def test_every_module_says_what_it_is_for() -> None:
    modules = [*product_modules(), *suite_modules(), *example_modules(), *bench_modules()]
    silent = [m.shown for m in modules if m.text.strip() and not ast.get_docstring(m.tree)]
    assert not silent, f"begin each with its role, its rules, and what it may not do: {silent}"


def suite_modules_are_named_by_a_noun_of_the_field() -> None:
    vague = [m.shown for m in product_modules() if BANNED_FILE_NAMES.match(m.path.stem) and m.path != PUBLIC_COMMON]
    assert not vague


def test_top_folders_are_the_ones_that_the_architecture_names() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in tracked_files() if path.parent != ROOT}
    unexpected = {name for name in folders if not name.startswith(".")} - TOP_FOLDERS
    assert not unexpected


def test_each_code_folder_holds_one_package() -> None:
    for folder in ("engine", "broker", "store", "sdk"):
        packages = sorted(path.parent.name for path in (ROOT / folder).glob("*/__init__.py"))
        assert packages == ["perdure" if folder == "sdk" else f"perdure_{folder}"]
        assert (ROOT / folder / packages[0] / "py.typed").is_file()


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "LICENSE"])
def test_the_house_has_its_papers(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_the_changelog_has_a_place_for_the_next_release() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_file_names_a_path_of_one_machine() -> None:
    banned = [f"{ROOT}/", "/home/", "/Users/", "/root/"]
    if Path.home() != Path("/"):
        banned.append(f"{Path.home()}/")
    wrong = []
    for path in tracked_files():
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        wrong += [f"{path.relative_to(ROOT)} contains {word}" for word in banned if word in text]
    assert not wrong


def test_no_mark_of_unfinished_work() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    wrong = [
        f"{module.shown}:{number}"
        for module in [*product_modules(), *example_modules(), *bench_modules()]
        for number, line in enumerate(module.text.splitlines(), 1)
        if marks.search(line)
    ]
    assert not wrong
