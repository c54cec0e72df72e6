"""Going on in a new run: `continue_as_new`, and what a run may ask about those before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, NoReturn, TypedDict, Unpack, overload

from perdure.common import (
    UNSET,
    RetryPolicy,
    SearchAttributes,
    TypedSearchAttributes,
    milliseconds,
    positional_arguments,
)
from perdure.converter import DataConverter
from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.ids import text_problem
from perdure.protocol.memo import memo_problem, pack_memo
from perdure.protocol.payload import Payload, pack_payload_map
from perdure.search_attributes import search_attributes_to_bytes
from perdure.types import MethodAsyncNoParam, MethodAsyncSingleParam, MultiParamSpec, ParamType, SelfType
from perdure.workflow.errors import ContinueAsNewError
from perdure.workflow.naming import workflow_name_and_type
from perdure.workflow.runtime import current


class Continuation(ContinueAsNewError):
    """What `continue_as_new` raises: carries the command that closes the run."""

    def __init__(self, command: ContinueAsNewWorkflowExecution) -> None:
        super().__init__("the workflow continues as new")
        self.command = command


@dataclass
class ContinueAsNewInput:
    """Of `WorkflowOutboundInterceptor.continue_as_new`."""

    workflow: str | None
    args: Sequence[Any]
    task_queue: str | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    backoff_start_interval: timedelta | None
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    search_attributes: SearchAttributes | TypedSearchAttributes | None
    headers: Mapping[str, Payload]


class _Options(TypedDict, total=False):
    task_queue: str | None
    run_timeout: timedelta | None
    task_timeout: timedelta | None
    backoff_start_interval: timedelta | None
    retry_policy: RetryPolicy | None
    memo: Mapping[str, Any] | None
    search_attributes: SearchAttributes | TypedSearchAttributes | None


@overload
def continue_as_new(arg: Any = ..., *, args: Sequence[Any] = ..., **options: Unpack[_Options]) -> NoReturn: ...
@overload
def continue_as_new(*, workflow: MethodAsyncNoParam[SelfType, Any], **options: Unpack[_Options]) -> NoReturn: ...
@overload
def continue_as_new(
    arg: ParamType, *, workflow: MethodAsyncSingleParam[SelfType, ParamType, Any], **options: Unpack[_Options]
) -> NoReturn: ...
@overload
def continue_as_new(
    *,
    workflow: Callable[Concatenate[SelfType, MultiParamSpec], Awaitable[Any]],
    args: Sequence[Any],
    **options: Unpack[_Options],
) -> NoReturn: ...
@overload
def continue_as_new(
    arg: Any = ..., *, workflow: str, args: Sequence[Any] = ..., **options: Unpack[_Options]
) -> NoReturn: ...
def continue_as_new(
    arg: Any = UNSET,
    *,
    args: Sequence[Any] = (),
    workflow: Callable[..., Any] | str | None = None,
    task_queue: str | None = None,
    run_timeout: timedelta | None = None,
    task_timeout: timedelta | None = None,
    backoff_start_interval: timedelta | None = None,
    retry_policy: RetryPolicy | None = None,
    memo: Mapping[str, Any] | None = None,
    search_attributes: SearchAttributes | TypedSearchAttributes | None = None,
) -> NoReturn:
    """End this run and go on in a new one of the same workflow id, with a history that begins anew.

    This raises an exception, which must not be caught. Both happen at once or not at all, and no signal is lost: if one
    arrived meanwhile, this run sees it first and decides again. What is not given stays as it is in this run. The
    execution timeout spans all runs.

    Args:
        arg: The argument of the new run, if it takes one.
        args: The arguments, if it takes several. No arguments are carried over.
        workflow: Another workflow to go on with, by its run method, function or name.
        backoff_start_interval: How long to wait before the new run begins.
        memo: Notes in place of those of this run.
        search_attributes: Attributes in place of those of this run.

    Raises:
        ValueError: a name or a timeout is not as it must be.
        TypeError: an argument cannot be converted, or `workflow` is none.
        PayloadSizeError: the arguments are too large.
    """
    runtime = current()
    runtime.check_may_act()
    runtime.continue_as_new(
        ContinueAsNewInput(
            workflow=None if workflow is None else workflow_name_and_type(workflow)[0],
            args=positional_arguments(arg, (), args),
            task_queue=task_queue,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            backoff_start_interval=backoff_start_interval,
            retry_policy=retry_policy,
            memo=memo,
            search_attributes=search_attributes,
            headers={},
        )
    )


def continuation_of(input: ContinueAsNewInput, converter: DataConverter) -> Continuation:
    """What ends the run.

    Raises:
        ValueError: a name or a timeout is not as it must be.
        TypeError: an argument cannot be converted.
        PayloadSizeError: the arguments are too large.
    """
    for name, text in (("task_queue", input.task_queue), ("workflow", input.workflow)):
        if text is not None and (problem := text_problem(name, text)) is not None:
            raise ValueError(problem)
    return Continuation(
        ContinueAsNewWorkflowExecution(
            converter.to_kept_bytes(input.args, "the arguments of the next run"),
            input.workflow or "",
            input.task_queue or "",
            milliseconds("run_timeout", input.run_timeout),
            milliseconds("task_timeout", input.task_timeout),
            milliseconds("backoff_start_interval", input.backoff_start_interval),
            None if input.retry_policy is None else input.retry_policy.to_data(),
            b"" if input.memo is None else _memo_bytes(converter, input.memo),
            search_attributes_to_bytes(input.search_attributes),
            pack_payload_map(input.headers),
        )
    )


def _memo_bytes(converter: DataConverter, memo: Mapping[str, Any]) -> bytes:
    data = pack_memo({name: converter.payload_converter.to_payload(value) for name, value in memo.items()})
    problem = memo_problem(data)
    if problem is not None:
        raise ValueError(problem)
    return data


def has_last_completion_result() -> bool:
    """Whether a run before this one, of the same cron schedule or started by the same schedule, completed."""
    return bool(current().started.last_completion_result)


def get_last_completion_result(type_hint: type | None = None) -> Any | None:
    """The result of the last run of this cron schedule that completed; of one that a schedule has started, the result
    of the last one that it started and waited for (with the overlap policy ALLOW_ALL it waits for none). None if none
    has, or it returned None: see `has_last_completion_result`. Schedules pass on no result
    above 128 KiB (8 KiB of a run with a long history)."""
    runtime = current()
    data = runtime.started.last_completion_result
    return runtime.converter.value_from_bytes(data, type_hint) if data else None


def get_last_failure() -> BaseException | None:
    """How the run before this one failed, if it did and this one is its retry, or the next of its cron schedule or of
    the schedule that has started both."""
    runtime = current()
    failure = runtime.started.continued_failure
    return None if failure is None else runtime.converter.from_failure(failure)
