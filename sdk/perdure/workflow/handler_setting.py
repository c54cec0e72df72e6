"""The handlers of a running workflow: which there are, and setting others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.workflow.runtime import current


def all_handlers_finished() -> bool:
    """Whether no handler of a signal or an update still runs. `await
    workflow.wait_condition(workflow.all_handlers_finished)` before returning lets them finish."""
    runtime = current()
    return runtime.handlers.running == 0 and runtime.updates.running == 0


def get_signal_handler(name: str) -> Callable[..., Any] | None:
    """The handler of a signal, if there is one of its own."""
    handlers = current().handlers
    definition = handlers.signal(name)
    return None if definition is None else handlers.bound(definition)


def set_signal_handler(name: str, handler: Callable[..., Any] | None) -> None:
    """Set the handler of a signal (None: remove it). What arrived before is delivered now."""
    current().handlers.set_signal(name, handler)


def get_dynamic_signal_handler() -> Callable[..., Any] | None:
    """The handler of signals that have none of their own."""
    handlers = current().handlers
    definition = handlers.signal(None)
    return None if definition is None else handlers.bound(definition)


def set_dynamic_signal_handler(handler: Callable[..., Any] | None) -> None:
    """Set the handler of signals that have none of their own. What arrived before is delivered now."""
    current().handlers.set_signal(None, handler)


def get_query_handler(name: str) -> Callable[..., Any] | None:
    """The handler of a query, if there is one of its own."""
    handlers = current().handlers
    definition = handlers.query(name)
    return None if definition is None else handlers.bound(definition)


def set_query_handler(name: str, handler: Callable[..., Any] | None) -> None:
    """Set the handler of a query (None: remove it)."""
    current().handlers.set_query(name, handler)


def get_dynamic_query_handler() -> Callable[..., Any] | None:
    """The handler of queries that have none of their own."""
    handlers = current().handlers
    definition = handlers.query(None)
    return None if definition is None else handlers.bound(definition)


def set_dynamic_query_handler(handler: Callable[..., Any] | None) -> None:
    """Set the handler of queries that have none of their own."""
    current().handlers.set_query(None, handler)


def get_update_handler(name: str) -> Callable[..., Any] | None:
    """The handler of an update, if there is one of its own."""
    updates = current().updates
    definition = updates.update(name)
    return None if definition is None else updates.bound(definition)


def set_update_handler(
    name: str, handler: Callable[..., Any] | None, *, validator: Callable[..., Any] | None = None
) -> None:
    """Set the handler of an update (None: remove it), and what may reject one."""
    current().updates.set_update(name, handler, validator)


def get_dynamic_update_handler() -> Callable[..., Any] | None:
    """The handler of updates that have none of their own."""
    updates = current().updates
    definition = updates.update(None)
    return None if definition is None else updates.bound(definition)


def set_dynamic_update_handler(
    handler: Callable[..., Any] | None, *, validator: Callable[..., Any] | None = None
) -> None:
    """Set the handler of updates that have none of their own."""
    current().updates.set_update(None, handler, validator)
