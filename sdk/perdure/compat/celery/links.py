"""`link` and `link_error`: what is called when a task has succeeded, or failed.

Rules: the process that ran the task enqueues them, before its outcome is reported, under ids that follow from the
task's: an outcome that is reported twice enqueues them once.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from perdure.compat.celery.context import Context
from perdure.compat.celery.exceptions import ChordError
from perdure.compat.celery.failures import remade
from perdure.exceptions import ApplicationError
from perdure.tasks.canvas.failures import FAILURE

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

_NAMES = uuid.UUID("6f1d3c1e-1b0f-4a53-9d5c-27b0d6c4f3aa")


def succeeded(app: Celery, request: Context, result: Any) -> None:
    """Enqueue the callbacks, each with the result before its arguments, unless it is immutable."""
    for number, link in enumerate(_listed(request.callbacks)):
        _enqueue(app, request, f"link:{number}", link, (result,))


def failed(app: Celery, request: Context, error: BaseException, traceback: str | None) -> None:
    """Call the errbacks here that take request, exception and traceback; enqueue the others with the task's id."""
    for number, link in enumerate(_listed(request.errbacks)):
        task = app.tasks.get(link["task"])
        if task is not None and not link.get("immutable") and _takes_several(task.run):
            task(request, error, traceback, *link.get("args", ()), **link.get("kwargs") or {})
        else:
            _enqueue(app, request, f"link_error:{number}", link, (request.id,))


def with_failure(function: Any, args: list[Any], canvas_id: str | None) -> list[Any]:
    """The arguments of an errback that a canvas calls: request, exception and traceback, or its id, as under Celery, in
    place of what tells of the failure."""
    first = args[0] if args else None
    if not isinstance(first, dict) or first.keys() != {FAILURE}:
        return args
    if not _takes_several(function):
        return [canvas_id, *args[1:]]
    told = first[FAILURE]
    described = told["details"][0] if told["details"] else None
    exception = remade(described, ApplicationError(told["message"], type=told["type"]))
    if told.get("member"):
        exception = chord_error(told["member"], exception)
    return [Context(id=canvas_id), exception, None, *args[1:]]


def chord_error(member: Mapping[str, Any], raised: BaseException) -> ChordError:
    """What a chord fails with whose header has failed.

    Args:
        member: Which one did, as `perdure.tasks.canvas.FailedMember` says it.
        raised: What that one raised.
    """
    error = ChordError(f"Dependency {member['index'] + 1} ({member['name']}) raised {raised!r}")
    error.__cause__ = raised
    return error


def _enqueue(app: Celery, request: Context, which: str, link: Mapping[str, Any], before: tuple[Any, ...]) -> None:
    options = {"task_id": str(uuid.uuid5(_NAMES, f"{request.id}:{request.retries}:{which}"))}
    options.update({key: value for key, value in (link.get("options") or {}).items() if value is not None})
    args = tuple(link.get("args") or ())
    if not link.get("immutable"):
        args = before + args
    app.send_link(link, args, dict(link.get("kwargs") or {}), options)


def _listed(links: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(links, Mapping):
        yield links
    else:
        yield from links or ()


def _takes_several(function: Any) -> bool:
    """Whether a function takes more than one argument by position."""
    count = 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            return True
        count += parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return count > 1
