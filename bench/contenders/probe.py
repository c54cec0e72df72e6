"""The probe: a throwaway measurement of the hot path without features or error handling, which sets the scale.

It lives in a directory of its own, named by PERDURE_PROBE: `run.py` takes scenarios as arguments (`one 20000 1000`),
the servers from PROBE_PG and PROBE_REDIS, the shard count from PROBE_SHARDS, and prints one JSON line a scenario."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.contenders.contender import Contender, ContenderFailed, Report
from bench.measurement import Measurement, Memory
from bench.scenario import TASK, Scenario
from bench.servers import Servers

ENVIRONMENT = "PERDURE_PROBE"
TURN_TIMEOUT_S = 600


class Probe(Contender):
    """Runs its own engine, worker and client a turn."""

    kinds: ClassVar = frozenset({"one", "ten", "fan", TASK})
    has_shards: ClassVar = True

    @classmethod
    def absence(cls) -> str | None:
        directory = os.environ.get(ENVIRONMENT)
        if not directory:
            return f"{ENVIRONMENT} does not name its directory"
        if not (Path(directory) / "run.py").is_file():
            return f"{ENVIRONMENT} names {directory}, which holds no run.py"
        return None

    def turn(self, servers: Servers, scenarios: Sequence[Scenario], report: Report) -> Memory | None:
        arguments = [_argument(run) for scenario in scenarios for run in (scenario.warm_up(), scenario)]
        environment = {**os.environ, "PROBE_PG": servers.postgres_dsn, "PROBE_REDIS": servers.redis_url}
        if scenarios[0].shards:
            environment["PROBE_SHARDS"] = str(scenarios[0].shards)
        result = subprocess.run(
            [sys.executable, str(Path(os.environ[ENVIRONMENT]) / "run.py"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TURN_TIMEOUT_S,
            check=False,
        )
        lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
        if result.returncode != 0 or len(lines) != len(arguments):
            raise ContenderFailed(f"the probe failed:\n{result.stderr[-2000:]}")
        for scenario, line in zip(scenarios, lines[1::2], strict=True):
            report(scenario, Measurement(line["workflows_per_s"], line["total_s"], line["p50_ms"], line["p99_ms"]))
        return None


def _argument(scenario: Scenario) -> str:
    return f"{scenario.workflow} {scenario.count} {scenario.concurrency} {scenario.argument}"
