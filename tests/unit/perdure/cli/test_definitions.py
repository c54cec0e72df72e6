"""What a module defines for a worker, and errors when there is nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.cli.definitions import NothingDefined, load_data_converter, load_definitions
from perdure.converter import DataConverter

MODULE = """
from perdure import activity, workflow

TASK_QUEUE = "shop"

@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> None: ...

@workflow.defn
async def remind() -> None: ...

@activity.defn
def charge() -> None: ...

@activity.defn
class Unbound:
    def __call__(self) -> None: ...

SOME = [remind, charge]
other = 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with modules; what they leave in this process is removed."""
    modules, path = set(sys.modules), sys.path[:]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(MODULE)
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "flows.py").write_text("from shop import Order, charge\n")
    (tmp_path / "empty.py").write_text("import json\nanswer = 42\n")
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.mark.parametrize("target", ["shop", "shop.py", "./shop.py"])
def test_a_module_by_name_or_by_path(folder: Path, target: str) -> None:
    found = load_definitions(target)
    assert [member.__name__ for member in found.workflows] == ["Order", "remind"]
    assert [member.__name__ for member in found.activities] == ["charge"]
    assert found.task_queue == "shop"


def test_what_a_module_imports_counts_too(folder: Path) -> None:
    found = load_definitions("pkg.flows")
    assert [member.__name__ for member in (*found.workflows, *found.activities)] == ["Order", "charge"]
    assert found.task_queue == ""


def test_an_attribute_that_lists_them(folder: Path) -> None:
    found = load_definitions("shop:SOME")
    assert [member.__name__ for member in (*found.workflows, *found.activities)] == ["remind", "charge"]
    assert load_definitions("shop:Order").workflows


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nowhere", r"no module 'nowhere'; looked in the working directory"),
        ("pkg.nowhere", r"no module 'pkg.nowhere'"),
        ("nowhere.py", r"no file nowhere.py"),
        ("empty", r"the module empty has neither .*@workflow\.defn.*it names answer, json"),
        ("shop:other", r"shop:other has neither"),
        ("shop:OTHER", r"has no 'OTHER'; it names .*SOME"),
        ("needy", r"needs 'no_such_package', which is not installed"),
    ],
)
def test_errors_say_what_was_looked_for(folder: Path, target: str, problem: str) -> None:
    with pytest.raises(NothingDefined, match=problem):
        load_definitions(target)


def test_a_data_converter_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "converters.py"
    path.write_text(
        "from perdure.converter import DataConverter\n"
        "data_converter = DataConverter()\nother = DataConverter()\nlost = 5\n"
    )
    assert isinstance(load_data_converter(str(path)), DataConverter)
    assert isinstance(load_data_converter(f"{path}:other"), DataConverter)
    with pytest.raises(NothingDefined, match="has no DataConverter of the name 'lost'; it names"):
        load_data_converter(f"{path}:lost")
