"""Workflow definitions: what `defn`, `run` and `init` record on a class or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, overload

from perdure.callable_types import CallableTypes, callable_types
from perdure.common import VersioningBehavior
from perdure.protocol.ids import text_problem
from perdure.types import CallableAsyncType, CallableType, ClassType
from perdure.workflow.handlers import QueryDefinition, SignalDefinition
from perdure.workflow.update_handlers import UpdateDefinition

_WORKFLOW = "__perdure_workflow__"
_RUN = "__perdure_run__"
_INIT = "__perdure_init__"

_DefinitionT = TypeVar("_DefinitionT", SignalDefinition, QueryDefinition, UpdateDefinition)


@dataclass(eq=False)
class WorkflowDefinition:
    """A workflow type.

    Attributes:
        name: The type, as histories say it; of a dynamic one, what errors call it.
        is_dynamic: It takes every type that has no definition of its own; `run` takes the arguments as raw values.
        target: The class, or the `async def` function.
        run: The function to run; takes the instance first if `target` is a class.
        takes_init_arguments: `__init__` takes the arguments too.
        failure_exception_types: Exceptions that fail the workflow, beside `FailureError`.
        signals, queries, updates: Handlers by name; None is the dynamic one.
        versioning_behavior: As its decorator says.
    """

    name: str
    target: type | Callable[..., Any]
    run: Callable[..., Any]
    takes_init_arguments: bool = False
    failure_exception_types: tuple[type[BaseException], ...] = ()
    signals: dict[str | None, SignalDefinition] = field(default_factory=dict)
    queries: dict[str | None, QueryDefinition] = field(default_factory=dict)
    updates: dict[str | None, UpdateDefinition] = field(default_factory=dict)
    is_dynamic: bool = False
    versioning_behavior: VersioningBehavior = VersioningBehavior.UNSPECIFIED

    @property
    def is_class(self) -> bool:
        return isinstance(self.target, type)

    @cached_property
    def types(self) -> CallableTypes:
        return callable_types(self.run, has_self=self.is_class)

    @property
    def result_type(self) -> Any:
        return self.types.result

    @staticmethod
    def of(target: Any) -> WorkflowDefinition | None:
        """The definition of a class, of its `run` method, or of a function; None if it is no workflow."""
        if isinstance(target, type):
            # Not inherited: a subclass of a workflow is a workflow by its own decorator only.
            found: WorkflowDefinition | None = target.__dict__.get(_WORKFLOW)
            return found
        function = getattr(target, "__func__", target)
        found = getattr(function, _WORKFLOW, None)
        return found


@overload
def defn(cls: ClassType) -> ClassType: ...
@overload
def defn(cls: CallableAsyncType) -> CallableAsyncType: ...
@overload
def defn(
    *,
    name: str | None = None,
    sandboxed: bool = True,
    failure_exception_types: Sequence[type[BaseException]] = [],
    versioning_behavior: VersioningBehavior = VersioningBehavior.UNSPECIFIED,
) -> Callable[[CallableType], CallableType]: ...
@overload
def defn(
    *,
    sandboxed: bool = True,
    dynamic: bool = False,
    failure_exception_types: Sequence[type[BaseException]] = [],
    versioning_behavior: VersioningBehavior = VersioningBehavior.UNSPECIFIED,
) -> Callable[[CallableType], CallableType]: ...
def defn(
    cls: Any = None,
    *,
    name: str | None = None,
    sandboxed: bool = True,
    dynamic: bool = False,
    failure_exception_types: Sequence[type[BaseException]] = [],
    versioning_behavior: VersioningBehavior = VersioningBehavior.UNSPECIFIED,
) -> Any:
    """Make a class with a `run` method, or a plain `async def` function, a workflow.

    Args:
        cls: The class or function.
        name: Name of the workflow type; that of the class or function if not given.
        sandboxed: Accepted for programs written for `temporalio`; there is no sandbox to turn off.
        dynamic: It takes every workflow type that its worker has no definition of; its run method takes one argument,
            `Sequence[RawValue]`.
        failure_exception_types: Exceptions that fail the workflow, beside `FailureError`; all others fail the workflow
            task, which is tried again.
        versioning_behavior: What its runs do when another version of their worker deployment becomes the current one.
    """

    if dynamic and name is not None:
        raise RuntimeError("a dynamic workflow has no name; give either name= or dynamic=True")

    def decorate(target: Any) -> Any:
        types = tuple(failure_exception_types)
        own_name = name or target.__name__
        problem = text_problem("the name of a workflow", own_name)
        if problem is not None:
            raise ValueError(problem)
        make = _define_class if isinstance(target, type) else _define_function
        definition = make(target, own_name, types)
        if dynamic:
            _check_dynamic(definition)
        definition.is_dynamic = dynamic
        definition.versioning_behavior = VersioningBehavior(versioning_behavior)
        setattr(target, _WORKFLOW, definition)
        return target

    return decorate if cls is None else decorate(cls)


def run(fn: CallableAsyncType) -> CallableAsyncType:
    """Mark the method that is the workflow."""
    if not _is_async(fn):
        raise ValueError(f"the run method of a workflow must be `async def`; {fn.__qualname__} is not")
    setattr(fn, _RUN, True)
    return fn


def init(init_fn: CallableType) -> CallableType:
    """Let `__init__` take the arguments of the workflow; its parameters must be those of `run`."""
    if init_fn.__name__ != "__init__":
        raise ValueError("@workflow.init may only be used on __init__")
    setattr(init_fn, _INIT, True)
    return init_fn


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)


def _define_function(target: Any, name: str, failure_types: tuple[type[BaseException], ...]) -> WorkflowDefinition:
    if not inspect.iscoroutinefunction(target):
        raise ValueError(f"a workflow must be a class with a run method or an `async def` function; {target!r} is not")
    return WorkflowDefinition(name, target, target, failure_exception_types=failure_types)


def _define_class(cls: type, name: str, failure_types: tuple[type[BaseException], ...]) -> WorkflowDefinition:
    members = inspect.getmembers(cls, inspect.isfunction)
    runs = [member for _, member in members if getattr(member, _RUN, False)]
    if len(runs) != 1:
        what = "no method" if not runs else f"several ({', '.join(sorted(m.__name__ for m in runs))})"
        raise ValueError(f"workflow {cls.__qualname__} needs one @workflow.run method; it has {what}")
    if runs[0].__name__ not in cls.__dict__:
        raise ValueError(
            f"workflow {cls.__qualname__} inherits its run method from {runs[0].__qualname__}; define it in the class "
            "itself (it may call super())"
        )
    definition = WorkflowDefinition(
        name,
        cls,
        runs[0],
        getattr(inspect.getattr_static(cls, "__init__"), _INIT, False),
        failure_types,
        _collect(cls, SignalDefinition, "signal"),
        _collect(cls, QueryDefinition, "query"),
        _collect(cls, UpdateDefinition, "update"),
    )
    _check_init(cls, definition)
    # So that a method names its workflow: start_workflow(MyWorkflow.run, ...).
    setattr(runs[0], _WORKFLOW, definition)
    return definition


def _check_dynamic(definition: WorkflowDefinition) -> None:
    parameters = list(inspect.signature(definition.run).parameters)[1 if definition.is_class else 0 :]
    if len(parameters) != 1:
        raise ValueError(
            f"dynamic workflow {definition.name!r} must take one argument, of the type Sequence[RawValue]; it takes "
            f"{len(parameters)}"
        )


def _collect(cls: type, kind: type[_DefinitionT], word: str) -> dict[str | None, _DefinitionT]:
    found: dict[str | None, _DefinitionT] = {}
    for attribute, member in inspect.getmembers(cls, inspect.isfunction):
        definition = kind.of(member)
        if definition is None:
            inherited = next((d for b in cls.__mro__ if (d := kind.of(b.__dict__.get(attribute)))), None)
            if inherited is not None:
                raise ValueError(
                    f"{cls.__qualname__}.{attribute} overrides a {word} handler; decorate it with @workflow.{word} too"
                )
            continue
        if definition.name in found:
            what = f"named {definition.name!r}" if definition.name else "that are dynamic"
            raise ValueError(f"workflow {cls.__qualname__} has two {word} handlers {what}")
        found[definition.name] = definition
    return found


def _check_init(cls: type, definition: WorkflowDefinition) -> None:
    initializer = inspect.signature(cls)
    if definition.takes_init_arguments:
        own, of_run = list(initializer.parameters.values()), list(inspect.signature(definition.run).parameters.values())
        if [(p.kind, p.annotation) for p in own] != [(p.kind, p.annotation) for p in of_run[1:]]:
            raise ValueError(f"@workflow.init: the parameters of {cls.__qualname__}.__init__ must be those of run")
        return
    empty = inspect.Parameter.empty
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p.name for p in initializer.parameters.values() if p.default is empty and p.kind in positional]
    if required:
        raise ValueError(
            f"{cls.__qualname__}.__init__ requires {', '.join(required)}; give them defaults, or mark it "
            "@workflow.init to take the arguments of run"
        )
