"""What activities really did: one line a start of an attempt, in a file that survives the process which wrote it.

Histories say what was recorded; this says what happened. The audit compares the two.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from perdure import activity

ENVIRONMENT = "PERDURE_TEST_JOURNAL"


@dataclass(frozen=True)
class Line:
    """`at` is the wall clock of the machine, which all processes of a test share."""

    run: str
    step: str
    attempt: int
    at: float
    pid: int


class Journal:
    """Reads what the workers of a test wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def environment(self) -> dict[str, str]:
        """What tells a worker process to write here."""
        return {ENVIRONMENT: str(self.path)}

    def lines(self) -> list[Line]:
        if not self.path.exists():
            return []
        complete = self.path.read_text().rpartition("\n")[0]  # the last line may be on its way
        return [Line(**json.loads(text)) for text in complete.splitlines()]

    def by_step(self) -> dict[tuple[str, str], list[Line]]:
        """Lines of each (workflow id, step), in order of time."""
        grouped: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in self.lines():
            grouped[line.run, line.step].append(line)
        return dict(grouped)


def write_line(step: str = "") -> None:
    """Called first by each activity of the workload. One write in append mode: lines of many processes do not mix.

    Args:
        step: in place of the activity's type.
    """
    info = activity.info()
    line = Line(info.workflow_id or "", step or info.activity_type, info.attempt, time.time(), os.getpid())
    with open(os.environ[ENVIRONMENT], "ab", buffering=0) as journal:
        journal.write(json.dumps(asdict(line)).encode() + b"\n")
