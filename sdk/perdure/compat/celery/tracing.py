"""One attempt of a task, from what was sent to what became of it: for workers, and for tasks that run eagerly.

Rules: handlers and receivers are called in Celery's order; what they raise is logged, and changes nothing. An attempt
that is cancelled passes on the cancellation.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from perdure import activity
from perdure.compat.celery import signals, states
from perdure.compat.celery.context import Context, running
from perdure.compat.celery.exceptions import Ignore, Reject, Retry, TimeLimitExceeded
from perdure.compat.celery.failures import ExceptionInfo
from perdure.compat.celery.soft_limit import soft_limit
from perdure.exceptions import CancelledError

if TYPE_CHECKING:
    from perdure.compat.celery.task import Task

logger = logging.getLogger("perdure.compat.celery")


class Ended(NamedTuple):
    """How an attempt ended: SUCCESS with its result, FAILURE, RETRY, REJECTED or IGNORED with what was raised."""

    state: str
    value: Any
    info: ExceptionInfo | None = None


def carry_out(task: Task, request: Context) -> Ended:
    """Run a task here.

    Raises:
        CancelledError: it was asked to stop, and did.
    """
    token = running.set((*running.get(), (task, request)))
    ended = Ended(states.FAILURE, None)
    try:
        args, kwargs = request.args, request.kwargs
        signals.task_prerun.send(sender=task, task_id=request.id, task=task, args=args, kwargs=kwargs)
        ended = _run(task, request)
        _tell(task, request, ended)
        return ended
    except CancelledError as error:
        ended = Ended(states.REVOKED, None)
        _stopped(task, request, error)
        raise
    finally:
        signals.task_postrun.send(
            sender=task,
            task_id=request.id,
            task=task,
            args=request.args,
            kwargs=request.kwargs,
            retval=ended.value,
            state=ended.state,
        )
        running.reset(token)


def _run(task: Task, request: Context) -> Ended:
    try:
        task.before_start(request.id, request.args, request.kwargs)
        with soft_limit(None if request.is_eager else request.timelimit[1]):
            result = task.attempt(*request.args, **request.kwargs)
        if request.retry_asked is not None:
            raise request.retry_asked  # by `retry(throw=False)`, which does not end the function
        return Ended(states.SUCCESS, result)
    except CancelledError:
        raise
    except Ignore as error:
        return Ended(states.IGNORED, error)
    except Reject as error:
        return Ended(states.REJECTED, error, _info(error))
    except Retry as error:
        return Ended(states.RETRY, error, _info(error))
    except (Exception, SystemExit) as error:  # the top of one task
        return Ended(states.FAILURE, error, _info(error))


def _stopped(task: Task, request: Context, error: CancelledError) -> None:
    """Tell receivers why it was to stop: its hard time limit, or somebody revoked it; or its worker stops."""
    details = activity.cancellation_details() if activity.in_activity() else None
    if details is None or details.worker_shutdown:
        return
    if details.timed_out:
        _tell(task, request, Ended(states.FAILURE, TimeLimitExceeded(request.timelimit[0]), _info(error)))
    else:
        signals.task_revoked.send(sender=task, request=request, terminated=True, signum="SIGTERM", expired=False)


def _info(error: BaseException) -> ExceptionInfo:
    return ExceptionInfo(error, "".join(traceback.format_exception(error)))


def _tell(task: Task, request: Context, ended: Ended) -> None:
    """Tell handlers, receivers and callbacks."""
    args, kwargs, value, info = request.args, request.kwargs, ended.value, ended.info
    text = info.traceback if info is not None else None
    match ended.state:
        case states.SUCCESS:
            _call(task, task.link_success, request, value)
            _call(task, task.on_success, value, request.id, args, kwargs)
            signals.task_success.send(sender=task, result=value)
        case states.RETRY:
            reason = value.exc or value
            _call(task, task.on_retry, reason, request.id, args, kwargs, info)
            signals.task_retry.send(sender=task, request=request, reason=value, einfo=info)
            return
        case states.FAILURE:
            _call(task, task.link_failure, request, value, text)
            _call(task, task.on_failure, value, request.id, args, kwargs, info)
            signals.task_failure.send(
                sender=task,
                task_id=request.id,
                exception=value,
                args=args,
                kwargs=kwargs,
                traceback=value.__traceback__,
                einfo=info,
            )
        case _:
            return
    _call(task, task.after_return, ended.state, value, request.id, args, kwargs, info)


def _call(task: Task, handler: Callable[..., Any], *args: Any) -> None:
    try:
        handler(*args)
    except CancelledError:
        raise
    except Exception:  # the top of one handler
        logger.exception("The handler %s of the task %s failed", handler.__name__, task.name)
