"""Planted bugs: what the auditor is tested with.

Each bug is a patch of the product, applied by a test and undone after it; the product has no switch for any of them.
`python -m tests.simulation.planted` tells which rule catches each, and after how many runs.
"""

from tests.simulation.planted import (
    activities,
    batches,
    chain,
    deletes,
    dispatch,
    family,
    histories,
    limits,
    ownership,
    schedules,
    sdk_worker,
    tasks,
    updates,
)
from tests.simulation.planted.bug import BUGS, SEEDS_MAX, PlantedBug

__all__ = [
    "BUGS",
    "SEEDS_MAX",
    "PlantedBug",
    "activities",
    "batches",
    "chain",
    "deletes",
    "dispatch",
    "family",
    "histories",
    "limits",
    "ownership",
    "schedules",
    "sdk_worker",
    "tasks",
    "updates",
]
