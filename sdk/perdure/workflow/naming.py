"""Names and types of what a client or a workflow hands over: a workflow, a signal, a query or an update, by its
definition or by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.handlers import QueryDefinition, SignalDefinition
from perdure.workflow.update_handlers import UpdateDefinition


def workflow_name_and_type(workflow: str | type | Callable[..., Any]) -> tuple[str, Any]:
    """The type name of a workflow and, unless it is given by name, the type of its result.

    Raises:
        TypeError: it has no definition.
    """
    if isinstance(workflow, str):
        return workflow, None
    definition = WorkflowDefinition.of(workflow)
    if definition is None:
        _undefined(workflow, "a workflow", "@workflow.defn", "give its run method, its function or its name")
    if definition.is_dynamic:
        raise TypeError("a dynamic workflow has no name of its own: give the workflow type to start as text")
    return definition.name, definition.result_type


def signal_name(signal: str | Callable[..., Any]) -> str:
    """The name of a signal.

    Raises:
        TypeError: it has no definition, or is the handler of all other signals.
    """
    if isinstance(signal, str):
        return signal
    definition = SignalDefinition.of(signal)
    if definition is None or definition.name is None:
        _undefined(signal, "a signal with a name", "@workflow.signal", "give the handler or its name")
    return definition.name


def query_name_and_type(query: str | Callable[..., Any]) -> tuple[str, Any]:
    """The name of a query and, unless it is given by name, the type of its answer.

    Raises:
        TypeError: it has no definition, or is the handler of all other queries.
    """
    if isinstance(query, str):
        return query, None
    definition = QueryDefinition.of(query)
    if definition is None or definition.name is None:
        _undefined(query, "a query with a name", "@workflow.query", "give the handler or its name")
    return definition.name, definition.result_type


def update_name_and_type(update: str | Callable[..., Any]) -> tuple[str, Any]:
    """The name of an update and, unless it is given by name, the type of its result.

    Raises:
        TypeError: it has no definition, or is the handler of all other updates.
    """
    if isinstance(update, str):
        return update, None
    definition = UpdateDefinition.of(update)
    if definition is None or definition.name is None:
        _undefined(update, "an update with a name", "@workflow.update", "give the handler or its name")
    return definition.name, definition.result_type


def _undefined(given: Any, wanted: str, decorator: str, advice: str) -> NoReturn:
    shown = getattr(given, "__qualname__", None) or repr(given)
    raise TypeError(f"{shown} is not {wanted}: decorate it with {decorator}, and {advice}")
