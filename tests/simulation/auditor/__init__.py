"""The auditor: what must be true, judged by requests, replies and the final contents of the store and the broker.

`audit` gives every finding; its rules are those of `tests.simulation.rules`. Each module holds the rules of one
subject, as functions from the evidence to findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from perdure_store.memory import MemoryDatabase
from tests.simulation.auditor import (
    activities,
    answers,
    chain,
    deletes,
    family,
    heartbeats,
    histories,
    limits,
    models,
    requests,
    resets,
    schedules,
    task_starts,
    tasks,
    updates,
    workflow_tasks,
)
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.auditor.leftovers import check_cursors, leftovers
from tests.simulation.ledger import Ledger
from tests.simulation.model import Model
from tests.simulation.rules import Finding

__all__ = ["audit", "check_cursors", "leftovers"]

CHECKS: list[Callable[[Evidence], Iterator[Finding]]] = [
    *requests.CHECKS,
    *answers.CHECKS,
    *workflow_tasks.CHECKS,
    *activities.CHECKS,
    *heartbeats.CHECKS,
    *histories.CHECKS,
    *chain.CHECKS,
    *family.CHECKS,
    *updates.CHECKS,
    *resets.CHECKS,
    *models.CHECKS,
    *task_starts.CHECKS,
    *tasks.CHECKS,
    *limits.CHECKS,
    *schedules.CHECKS,
    *deletes.CHECKS,
]


def audit(database: MemoryDatabase, ledger: Ledger, known: Mapping[str, Model]) -> list[Finding]:
    """Everything that is wrong; empty if nothing is.

    Args:
        known: the model of each workflow type.
    """
    evidence = Evidence(database, ledger, known)
    found = [*ledger.findings, *evidence.broken]
    for check in CHECKS:
        found += check(evidence)
    return found
