"""Which queue a task goes to: what the call says, then the task, then `task_routes`, then the default queue."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from perdure.compat.celery.exceptions import ImproperlyConfigured

Route = Mapping[str, Any]
"""Options of a call, such as `queue` and `priority`."""


def route_of(routes: Any, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any) -> Route:
    """What `task_routes` says of a task; empty if nothing does.

    Args:
        routes: The setting: a mapping of names, globs and patterns, a function, or a list of those.
    """
    for router in _routers(routes):
        found = router(name, args, kwargs, options, task=task) if callable(router) else _looked_up(router, name)
        if found:
            return _route(found)
    return {}


def queues_of(routes: Any) -> Iterator[str]:
    """The queues that routes name, as far as they can be told without a call."""
    for router in _routers(routes):
        if not callable(router):
            for _pattern, target in _pairs(router):
                queue = _route(target).get("queue")
                if queue:
                    yield queue


def queue_name(queue: Any) -> str:
    """The name of a queue, which may be given as an object of kombu's."""
    name = queue if isinstance(queue, str) else getattr(queue, "name", None)
    if not isinstance(name, str) or not name:
        raise ImproperlyConfigured(f"{queue!r} is no queue; give its name")
    return name


def _routers(routes: Any) -> Iterable[Any]:
    if not routes:
        return ()
    if isinstance(routes, Mapping) or callable(routes):
        return (routes,)
    if isinstance(routes, str):
        raise ImproperlyConfigured(
            f"task_routes is {routes!r}; give a mapping such as {{'feeds.*': {{'queue': 'feeds'}}}}, a function, or a "
            "list of those"
        )
    members = tuple(routes)
    if members and all(isinstance(member, tuple | list) and len(member) == 2 for member in members):
        return (members,)
    return members


def _pairs(router: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(router, Mapping):
        return router.items()
    if isinstance(router, str):
        raise ImproperlyConfigured(f"the router {router!r} is a name; give the function itself")
    return tuple((pattern, target) for pattern, target in router)


def _looked_up(router: Any, name: str) -> Any:
    patterns: list[tuple[Any, Any]] = []
    for pattern, target in _pairs(router):
        if pattern == name:
            return target
        patterns.append((pattern, target))
    for pattern, target in patterns:
        if isinstance(pattern, re.Pattern):
            if pattern.match(name):
                return target
        elif fnmatch.fnmatchcase(name, pattern):
            return target
    return None


def _route(target: Any) -> Route:
    if isinstance(target, Mapping):
        return {**target, "queue": queue_name(target["queue"])} if target.get("queue") else target
    return {"queue": queue_name(target)}
