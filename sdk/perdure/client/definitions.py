"""Names and types of what a caller hands over: a workflow, a signal or a query, by its definition or by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def workflow_name_and_type(workflow: str | Callable[..., Any]) -> tuple[str, Any]:
    if isinstance(workflow, str):
        return workflow, None
    return workflow.__name__, None


def signal_name(signal: str | Callable[..., Any]) -> str:
    return signal if isinstance(signal, str) else signal.__name__


def query_name_and_type(query: str | Callable[..., Any]) -> tuple[str, Any]:
    return (query, None) if isinstance(query, str) else (query.__name__, None)
