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
    return signal if isinstance(signal, str) else _named(SignalDefinition, signal, "a signal", "@workflow.signal")[0]


def query_name_and_type(query: str | Callable[..., Any]) -> tuple[str, Any]:
    """The name of a query and, unless it is given by name, the type of its answer.

    Raises:
        TypeError: it has no definition, or is the handler of all other queries.
    """
    if isinstance(query, str):
        return query, None
    name, definition = _named(QueryDefinition, query, "a query", "@workflow.query")
    return name, definition.result_type


def update_name_and_type(update: str | Callable[..., Any]) -> tuple[str, Any]:
    """The name of an update and, unless it is given by name, the type of its result.

    Raises:
        TypeError: it has no definition, or is the handler of all other updates.
    """
    if isinstance(update, str):
        return update, None
    name, definition = _named(UpdateDefinition, update, "an update", "@workflow.update")
    return name, definition.result_type


def _named(
    kind: type[SignalDefinition] | type[QueryDefinition] | type[UpdateDefinition],
    handler: Any,
    wanted: str,
    decorator: str,
) -> tuple[str, Any]:
    """Name and definition of a handler that has both."""
    definition = kind.of(handler)
    if definition is None or definition.name is None:
        _undefined(handler, f"{wanted} with a name", decorator, "give the handler or its name")
    return definition.name, definition


def _undefined(given: Any, wanted: str, decorator: str, advice: str) -> NoReturn:
    shown = getattr(given, "__qualname__", None) or repr(given)
    raise TypeError(f"{shown} is not {wanted}: decorate it with {decorator}, and {advice}")
