"""Tasks that run where they are called: `task.apply()`, and everything with `task_always_eager`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdure.compat.celery import states
from perdure.compat.celery.context import HOSTNAME, Context
from perdure.compat.celery.publishing import check, check_serializer
from perdure.compat.celery.result import EagerResult
from perdure.compat.celery.tracing import Ended, carry_out
from perdure.compat.celery.values import from_plain, to_plain

if TYPE_CHECKING:
    from perdure.compat.celery.task import Task

_LOCAL = frozenset({"request_id", "logfile", "loglevel"})


def apply(
    task: Task, args: tuple[Any, ...], kwargs: dict[str, Any], task_id: str | None, throw: bool | None, options: Any
) -> EagerResult:
    """Run it until it has ended; one that is to be tried again is, at once.

    Raises:
        BaseException: what it raised, if `throw` is wanted.
    """
    given = {key: value for key, value in options.items() if value is not None and key not in _LOCAL}
    check(given)
    check_serializer(given.get("serializer"))
    throw = task.app.conf.task_eager_propagates if throw is None else throw
    task_id = task_id or str(uuid.uuid4())
    retries = 0
    while True:
        request = _request(task, args, kwargs, task_id, retries, given)
        ended = carry_out(task, request)
        if ended.state != states.RETRY:
            break
        changed: Mapping[str, Any] = ended.value.sig or {}
        args, kwargs = tuple(changed.get("args", args)), dict(changed.get("kwargs", kwargs))
        retries += 1
    if throw and ended.state == states.FAILURE:
        raise ended.value
    return _result(task, task_id, request, ended)


def _request(
    task: Task, args: tuple[Any, ...], kwargs: dict[str, Any], task_id: str, retries: int, given: Mapping[str, Any]
) -> Context:
    return Context(
        id=task_id,
        task=task.name,
        args=args,
        kwargs=kwargs,
        retries=retries,
        is_eager=True,
        called_directly=False,
        root_id=given.get("root_id") or task_id,
        headers=given.get("headers"),
        hostname=HOSTNAME,
        callbacks=from_plain(to_plain(given.get("link"))),
        errbacks=from_plain(to_plain(given.get("link_error"))),
        delivery_info={"is_eager": True, "exchange": "", "routing_key": given.get("queue"), "priority": None},
        ignore_result=bool(given.get("ignore_result", False)),
    )


def _result(task: Task, task_id: str, request: Context, ended: Ended) -> EagerResult:
    if ended.state == states.SUCCESS:
        return EagerResult(task_id, ended.value, states.SUCCESS, name=task.name)
    if ended.state == states.IGNORED:
        told = request.told or {}
        return EagerResult(task_id, told.get("meta"), told.get("state") or states.IGNORED, name=task.name)
    traceback = ended.info.traceback if ended.info is not None else None
    return EagerResult(task_id, ended.value, ended.state, traceback, name=task.name)
