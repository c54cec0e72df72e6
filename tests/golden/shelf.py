"""The golden files on disk: what each revision recorded, and which bytes are the latest of each name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from perdure.protocol.codec import CODEC_VERSION

WIRE = Path(__file__).parent / "wire"
HISTORIES = Path(__file__).parent / "histories"
STATEMENTS = Path(__file__).parent / "statements"


class Recorded(NamedTuple):
    """Bytes that some version wrote, and what it meant by them. `revision` is codec version and number."""

    revision: tuple[int, int]
    name: str
    data: bytes
    meaning: Any


def recorded() -> list[Recorded]:
    """Everything ever recorded, oldest first."""
    found = []
    for revision, path in sorted((_revision(path), path) for path in WIRE.glob("*.json")):
        for name, entry in json.loads(path.read_text()).items():
            found.append(Recorded(revision, name, bytes.fromhex(entry["bytes"]), entry["meaning"]))
    return found


def latest(codec_version: int = CODEC_VERSION) -> dict[str, Recorded]:
    """The last bytes of each name that a codec version wrote."""
    return {entry.name: entry for entry in recorded() if entry.revision[0] == codec_version}


def statements() -> dict[int, dict[str, str]]:
    """The queries of released engines, by schema version and name."""
    return {int(path.stem): json.loads(path.read_text()) for path in sorted(STATEMENTS.glob("*.json"))}


def add_revision(entries: dict[str, Any]) -> Path:
    """A new file behind the last one of this codec version."""
    numbers = [_revision(path)[1] for path in WIRE.glob(f"{CODEC_VERSION}.*.json")]
    path = WIRE / f"{CODEC_VERSION}.{max(numbers, default=0) + 1}.json"
    write(path, entries)
    return path


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _revision(path: Path) -> tuple[int, int]:
    codec_version, number = path.stem.split(".")
    return int(codec_version), int(number)
