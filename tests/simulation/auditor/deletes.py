"""Rules about runs that were to be forgotten at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perdure.protocol.requests import DeleteWorkflow
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.rules import Finding, Rule


def check_deleted(evidence: Evidence) -> Iterator[Finding]:
    """What was acknowledged as deleted is gone from every table, and nothing else is gone."""
    database = evidence.database
    asked: set[str] = set()
    for ask in evidence.asks(DeleteWorkflow):
        run_id = ask.request.run_id
        asked.add(run_id)
        if ask.acknowledged_s is None:
            continue
        tables: dict[str, Mapping[Any, Any]] = {
            "executions": database.executions,
            "history": database.history,
            "snapshots": database.snapshots,
            "payloads": database.payloads,
            "request results": database.request_results,
            "lists": database.visibility,
        }
        left = [name for name, table in tables.items() if any(key[1] == run_id for key in table)]
        if left:
            yield Finding(Rule.DELETED, f"{ask.request} was acknowledged, and something is left in {left}")
    for run in evidence.runs.values():
        if run.is_forgotten and run.row.run_id not in asked:
            yield Finding(Rule.DELETED, f"{run} is gone, and nobody asked for that")


CHECKS: list[Callable[[Evidence], Iterator[Finding]]] = [check_deleted]
