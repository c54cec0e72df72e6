"""The Python of a guide: what belongs to its module, and what is typed after each other.

Run in a process of its own, `python -m tests.integration.docs.guide_snippets GUIDE`, where the module of the guide can
be imported. It tells each snippet's first line, and ends with the first one that fails.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\w+\.py)\n")


class Snippet(NamedTuple):
    """A block of Python; `file` is the one that its first line names, if it does."""

    line: int
    text: str
    file: str


def snippets(guide: Path) -> Iterator[Snippet]:
    """The blocks of a guide, in order."""
    page = guide.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(page):
        named = _FILE.match(block[1])
        yield Snippet(page[: block.start(1)].count("\n") + 1, block[1], named[1] if named else "")


def write_files(guide: Path, directory: Path) -> None:
    """Write the files of a guide."""
    files: dict[str, str] = {}
    for snippet in snippets(guide):
        if snippet.file:
            files[snippet.file] = files.get(snippet.file, "") + snippet.text + "\n\n"
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")


def run(guide: Path) -> None:
    """Run all that is in no file, as a person would type it."""
    names: dict[str, Any] = {"__name__": "__guide__"}
    for snippet in snippets(guide):
        if snippet.file:
            continue
        print(f"{guide.name}:{snippet.line}", flush=True)  # for whoever reads of a failure
        _run(_code(guide, snippet), names)


def _code(guide: Path, snippet: Snippet) -> CodeType:
    padded = "\n" * (snippet.line - 1) + snippet.text
    code: CodeType = compile(padded, str(guide), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


def _run(code: CodeType, names: dict[str, Any]) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, names))  # our own guide
    else:
        exec(code, names)  # our own guide


if __name__ == "__main__":
    run(Path(sys.argv[1]))
