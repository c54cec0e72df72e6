"""The modules of the four packages and the tests, parsed once, for the rules of this folder to walk."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "perdure_broker": ROOT / "broker" / "perdure_broker",
    "perdure_store": ROOT / "store" / "perdure_store",
    "perdure": ROOT / "sdk" / "perdure",
    "perdure_engine": ROOT / "engine" / "perdure_engine",
}
"""Package name to its folder, lowest floor first."""


@dataclass(frozen=True)
class Module:
    """One Python file: `name` is dotted, `path` absolute."""

    name: str
    path: Path

    @property
    def shown(self) -> str:
        """The path as a message shows it: from the root of the tree."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def within_package(self) -> Path:
        """The path from the folder that holds the package, for example `perdure/protocol/codec.py`."""
        return Path(*self.name.split(".")[:-1], self.path.name)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.shown)

    def at(self, node: ast.AST) -> str:
        return f"{self.shown}:{getattr(node, 'lineno', 1)}"

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def imported_names(self) -> Iterator[tuple[ast.AST, str]]:
        """Each absolute module or name that this module imports, with the statement that does."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = self.name.split(".")[: -node.level]
                    base = ".".join([*parts, base]) if base else ".".join(parts)
                for alias in node.names:
                    yield node, f"{base}.{alias.name}"


def _modules_under(folder: Path, prefix: str) -> list[Module]:
    found = []
    for path in sorted(folder.rglob("*.py")):
        dotted = ".".join(path.relative_to(folder).with_suffix("").parts)
        found.append(Module(f"{prefix}.{dotted}", path))
    return found


@cache
def product_modules() -> list[Module]:
    """Every module of the four packages."""
    return [module for name, folder in PACKAGES.items() for module in _modules_under(folder, name)]


@cache
def suite_modules() -> list[Module]:
    """Every module under tests/."""
    return _modules_under(ROOT / "tests", "tests")


@cache
def example_modules() -> list[Module]:
    """Every module under sdk/examples/."""
    return _modules_under(ROOT / "sdk" / "examples", "examples")


@cache
def bench_modules() -> list[Module]:
    """Every module under bench/."""
    return _modules_under(ROOT / "bench", "bench")


@cache
def tracked_files() -> list[Path]:
    """Every text file that git would carry, committed or not yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute chain; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted_name(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""
