"""What the processes of a turn are told: addresses, and by `bench.tally` where executions are written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bench import tally

REDIS = "PERDURE_BENCH_REDIS"
POSTGRES = "PERDURE_BENCH_POSTGRES"
ROOT = Path(__file__).resolve().parents[2]


def redis_url() -> str:
    return os.environ[REDIS]


def postgres_dsn() -> str:
    return os.environ[POSTGRES]


def environment(**told: str) -> dict[str, str]:
    """That of this process, `told`, and this tree where Python looks for modules."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **told}


def task_environment(redis_url: str, file: tally.Tally, more: Mapping[str, str]) -> dict[str, str]:
    return environment(**{REDIS: redis_url, tally.ENVIRONMENT: str(file.path)}, **more)
