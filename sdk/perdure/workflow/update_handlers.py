"""The decorator of update handlers and of their validators, and what it records on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any, Literal, Protocol, overload

from perdure.types import MultiParamSpec, ProtocolReturnType, ReturnType
from perdure.workflow.errors import HandlerUnfinishedPolicy
from perdure.workflow.handlers import _check_name, _check_parameters, _Handler

_UPDATE = "__perdure_update__"
_VALIDATOR = "__perdure_validator__"


class UpdateMethodMultiParam(Protocol[MultiParamSpec, ProtocolReturnType]):
    """A method that `update` has made a handler."""

    def __call__(
        self, *args: MultiParamSpec.args, **kwargs: MultiParamSpec.kwargs
    ) -> ProtocolReturnType | Awaitable[ProtocolReturnType]:
        """Call the method itself, as any other."""

    def validator(self, vfunc: Callable[MultiParamSpec, None]) -> Callable[MultiParamSpec, None]:
        """Make a method the validator of this handler: a plain `def` with the same parameters, which raises to reject
        the update. It must not change the workflow."""


@dataclass(frozen=True)
class UpdateDefinition(_Handler):
    """An update handler. `given_validator`: for a handler that was set by a running workflow."""

    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON
    given_validator: Callable[..., Any] | None = None

    @staticmethod
    def of(function: Any) -> UpdateDefinition | None:
        """What `update` recorded on a function."""
        found: UpdateDefinition | None = getattr(function, _UPDATE, None)
        return found

    @property
    def validator(self) -> Callable[..., Any] | None:
        """What may reject an update, as it was written: a method's takes `self` first."""
        found: Callable[..., Any] | None = getattr(self.function, _VALIDATOR, None) or self.given_validator
        return found

    def bind_validator(self, instance: Any) -> Callable[..., Any] | None:
        """The validator of one workflow."""
        validator = self.validator
        if validator is None or not self.is_method:
            return validator
        bound: Callable[..., Any] = validator.__get__(instance)
        return bound


@overload
def update(
    fn: Callable[MultiParamSpec, Awaitable[ReturnType]],
) -> UpdateMethodMultiParam[MultiParamSpec, ReturnType]: ...
@overload
def update(fn: Callable[MultiParamSpec, ReturnType]) -> UpdateMethodMultiParam[MultiParamSpec, ReturnType]: ...
@overload
def update(
    *,
    name: str | None = None,
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Callable[[Callable[MultiParamSpec, ReturnType]], UpdateMethodMultiParam[MultiParamSpec, ReturnType]]: ...
@overload
def update(
    *,
    dynamic: Literal[True],
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Callable[[Callable[MultiParamSpec, ReturnType]], UpdateMethodMultiParam[MultiParamSpec, ReturnType]]: ...
def update(
    fn: Any = None,
    *,
    name: str | None = None,
    dynamic: bool | None = False,
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Any:
    """Make a method (`def` or `async def`) the handler of an update: a request that changes the workflow and is
    answered. A validator may reject it before it leaves a trace: decorate another method with `@handler.validator`.

    Args:
        fn: The method.
        name: Name of the update; that of the method if not given.
        dynamic: The handler of every update that has none of its own; it takes `(self, name: str,
            args: Sequence[RawValue])`.
        unfinished_policy: Whether to warn when the workflow finishes before this handler has.
        description: One line about it.
    """
    _check_name("update", name, dynamic)

    def decorate(function: Any) -> Any:
        own_name = None if dynamic else name or function.__name__
        _check_parameters("update", function, own_name)
        setattr(function, _UPDATE, UpdateDefinition(own_name, function, True, description, unfinished_policy))
        function.validator = lambda validator: _record_validator(function, validator)
        return function

    return decorate if fn is None else decorate(fn)


def runtime_update(
    name: str | None, function: Callable[..., Any], validator: Callable[..., Any] | None
) -> UpdateDefinition:
    """The definition of a handler that a running workflow sets."""
    _check_parameters("update", function, name, has_self=False)
    if validator is not None:
        _check_validator(function, validator)
    return UpdateDefinition(name, function, is_method=False, given_validator=validator)


def _record_validator(function: Any, validator: Any) -> Any:
    if getattr(function, _VALIDATOR, None) is not None:
        raise RuntimeError(f"update handler {function.__name__} has a validator already")
    _check_validator(function, validator)
    setattr(function, _VALIDATOR, validator)
    return validator


def _check_validator(function: Any, validator: Any) -> None:
    if iscoroutinefunction(validator):
        raise ValueError(f"the validator of update handler {function.__name__} must be a plain `def`: it must not wait")
    own, of_handler = _kinds(validator), _kinds(function)
    if Parameter.VAR_POSITIONAL not in own and len(own) != len(of_handler):
        raise ValueError(
            f"the validator of update handler {function.__name__} must take the same parameters; it takes {len(own)}, "
            f"the handler {len(of_handler)}"
        )


def _kinds(function: Any) -> list[Any]:
    return [parameter.kind for parameter in signature(function).parameters.values()]
