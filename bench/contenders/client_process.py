"""The client of a turn: a process of its own, as in life, that prints one JSON line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contenders.contender import ContenderFailed
from bench.measurement import Measurement
from bench.process import BenchProcess
from bench.scenario import Scenario

TIMEOUT_S = 300
FILL_TIMEOUT_S = 1_800
LAST_WORDS_CHARACTERS = 2_000


def measure(
    command: Sequence[str], scenario: Scenario, environment: Mapping[str, str], processes: Sequence[BenchProcess]
) -> Measurement:
    """Run `command` with what it is to measure.

    Raises:
        ContenderFailed: it failed, or did not end.
    """
    return Measurement(**run_client(command, scenario.name, environment, processes, TIMEOUT_S))


def run_client(
    command: Sequence[str],
    name: str,
    environment: Mapping[str, str],
    processes: Sequence[BenchProcess],
    timeout_s: float,
) -> dict[str, Any]:
    """What the client printed.

    Raises:
        ContenderFailed: it failed, or did not end. Says what `processes` last wrote, too.
    """
    try:
        result = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ContenderFailed(f"{name}: no end in {timeout_s} s\n{last_words(processes)}") from None
    if result.returncode != 0:
        raise ContenderFailed(f"{name}:\n{result.stderr[-LAST_WORDS_CHARACTERS:]}\n{last_words(processes)}")
    printed: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return printed


def last_words(processes: Sequence[BenchProcess]) -> str:
    words = []
    for process in processes:
        state = "runs" if process.running else "has ended"
        words.append(f"--- {process.role} {state}:\n{process.output()[-LAST_WORDS_CHARACTERS:]}")
    return "\n".join(words)
