"""The table of names: what of `temporalio` is the same here, what is different, what is absent, and why.

    python -m tests.names.table > sdk/NAMES.md

Role: compares two surfaces (see `surface`) and gives each difference the reason that `reasons.toml` has for it.
"""

from __future__ import annotations

import fnmatch
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.names.surface import surface

FOLDER = Path(__file__).parent
THEIRS: dict[str, Any] = json.loads((FOLDER / "temporalio_names.json").read_text())
RULES: list[dict[str, Any]] = tomllib.loads((FOLDER / "reasons.toml").read_text())["rule"]
TABLE = FOLDER.parents[1] / "sdk" / "NAMES.md"


class Entry(NamedTuple):
    """One public name. `status` is same, different or absent; `differences` says in which way."""

    module: str
    name: str
    status: str
    differences: tuple[str, ...] = ()
    rule: int = -1

    @property
    def reason(self) -> str:
        return "" if self.rule < 0 else str(RULES[self.rule]["reason"])


def entries(ours: dict[str, Any]) -> Iterator[Entry]:
    """Every public name of temporalio, module by module."""
    for module, names in THEIRS["modules"].items():
        mine = ours["modules"].get(module, {})
        for name, theirs in sorted(names.items()):
            if name not in mine:
                yield Entry(module, name, "absent", (), _rule(module, name))
                continue
            found = tuple(differences(theirs, mine[name]))
            yield Entry(module, name, "different" if found else "same", found, _rule(module, name) if found else -1)


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """In which ways a name of ours is not the one of theirs. What ours has in addition makes no difference."""
    if theirs["kind"] != ours["kind"] and "value" not in (theirs["kind"], ours["kind"]):
        yield f"a {ours['kind']}, not a {theirs['kind']}"
    yield from _signature_differences("", theirs.get("signature", ""), ours.get("signature", ""))
    missing = []
    for member, signature in theirs.get("members", {}).items():
        own = ours.get("members", {}).get(member)
        if own is None:
            missing.append(f"`{member}`")
        elif signature and own:
            yield from _signature_differences(f"`{member}`: ", signature, own)
    if missing:
        yield f"no {', '.join(missing)}"


def _signature_differences(prefix: str, theirs: str, ours: str) -> Iterator[str]:
    before, after = _parameters(theirs), _parameters(ours)
    missing = [f"`{name}`" for name in before if name not in after]
    required = [f"`{name}`" for name in after if name not in before and not after[name] and not name.startswith("*")]
    changed = [
        f"default of `{name}` is {after[name] or 'required'}, not {before[name] or 'required'}"
        for name in before
        if name in after and after[name] != before[name]
    ]
    if missing:
        yield f"{prefix}without {', '.join(missing)}"
    if required:
        yield f"{prefix}requires {', '.join(required)}"
    for change in changed:
        yield prefix + change
    if [name for name in _positional(theirs) if name in after] != [n for n in _positional(ours) if n in before]:
        yield f"{prefix}another order"


def _parameters(signature: str) -> dict[str, str]:
    parts = [part.partition("=") for part in signature.strip("()").split(", ") if part and part != "*"]
    return {name: default for name, _, default in parts}


def _positional(signature: str) -> list[str]:
    """The parameters that may be given by place, in order."""
    return list(_parameters(signature.partition("*")[0].rstrip(", ")))


def _rule(module: str, name: str) -> int:
    full = f"{module}.{name}"
    for number, rule in enumerate(RULES):
        if any(fnmatch.fnmatchcase(full, pattern) for pattern in rule["names"]):
            return number
    return -1


def render(ours: dict[str, Any]) -> str:
    """The page, as it is committed."""
    found = list(entries(ours))
    count = {status: sum(entry.status == status for entry in found) for status in ("same", "different", "absent")}
    lines = [
        f"# Names: Perdure and temporalio {THEIRS['version']}",
        "",
        "Changing `temporalio` to `perdure` in an import line is the whole port of a program that uses what is listed",
        "as the same. Signatures count by the names, order and defaults of their parameters; what is there in addition",
        "does not count. Made by `python -m tests.names.table` from the package itself; a test fails when this page is",
        "not what the code shows.",
        "",
        f"{count['same']} names are the same, {count['different']} are different, {count['absent']} are absent.",
    ]
    for module in THEIRS["modules"]:
        lines += ["", f"## {module}", "", *_section(module, [e for e in found if e.module == module], ours)]
    return "\n".join(lines) + "\n"


def _section(module: str, found: list[Entry], ours: dict[str, Any]) -> Iterator[str]:
    same = [f"`{entry.name}`" for entry in found if entry.status == "same"]
    if same:
        yield f"Same: {', '.join(same)}."
        yield ""
    additional = sorted(set(ours["modules"].get(module, {})) - {entry.name for entry in found})
    if additional:
        yield f"In addition: {', '.join(f'`{name}`' for name in additional)}."
        yield ""
    different = [entry for entry in found if entry.status == "different"]
    if different:
        yield "| different | in which way | why |"
        yield "|---|---|---|"
        for entry in different:
            yield f"| `{entry.name}` | {'; '.join(entry.differences)} | {entry.reason} |"
        yield ""
    absent: dict[str, list[str]] = {}
    for entry in found:
        if entry.status == "absent":
            absent.setdefault(entry.reason, []).append(f"`{entry.name}`")
    if absent:
        yield "| absent | why |"
        yield "|---|---|"
        for reason, names in absent.items():
            yield f"| {', '.join(names)} | {reason} |"


if __name__ == "__main__":
    sys.stdout.write(render(surface("perdure")))
