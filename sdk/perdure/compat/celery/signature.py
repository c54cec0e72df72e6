"""`Signature`: a call that is not made yet. It is a dictionary, as under Celery, so that a task may be given it.

Rules: what a signature is put together of, and its options, travel as plain data; `signature()` makes one of it again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from perdure.compat.celery import current
from perdure.compat.celery.exceptions import NotRegistered

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

LINK, LINK_ERROR = "link", "link_error"

_KINDS: dict[str, type[Signature]] = {}


class Signature(dict[str, Any]):
    """One call of a task; subclasses put several together.

    Args:
        task: A task, its name, or a signature as plain data.
        args, kwargs: Its arguments; what comes before it is put before `args`.
        options: Those of `apply_async`.
        immutable: It is not given what comes before.
    """

    kind: ClassVar[str | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.kind is not None:
            _KINDS[cls.kind] = cls

    def __init__(
        self,
        task: Any = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        type: Any = None,
        subtask_type: str | None = None,
        immutable: bool = False,
        app: Celery | None = None,
        **more: Any,
    ) -> None:
        self._app = app
        if isinstance(task, Mapping):
            super().__init__(task)
            return
        super().__init__(
            task=task if isinstance(task, str) else task.name,
            args=tuple(args or ()),
            kwargs=dict(kwargs or {}),
            options={**(options or {}), **more},
            subtask_type=subtask_type or self.kind,
            immutable=immutable,
        )

    # What it is ------------------------------------------------------------------------------------------------------
    @property
    def app(self) -> Celery:
        return self._app or current.get_current_app()

    @property
    def task(self) -> str:
        return str(self["task"])

    name = task

    @property
    def args(self) -> tuple[Any, ...]:
        return tuple(self["args"])

    @property
    def kwargs(self) -> dict[str, Any]:
        return dict(self["kwargs"])

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = self["options"]
        return options

    @property
    def immutable(self) -> bool:
        return bool(self.get("immutable"))

    @immutable.setter
    def immutable(self, value: bool) -> None:
        self["immutable"] = value

    @property
    def subtask_type(self) -> str | None:
        return self.kind

    @property
    def id(self) -> str | None:
        return self.options.get("task_id")

    @property
    def type(self) -> Any:
        """The task.

        Raises:
            NotRegistered: the application does not know it.
        """
        found = self.app.tasks.get(self.task)
        if found is None:
            raise NotRegistered(self.task)
        return found

    def __repr__(self) -> str:
        shown = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{self.task}({', '.join(shown)})"

    def __reduce__(self) -> Any:
        return signature, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Signature:
        return signature(copy.deepcopy(dict(self), memo), app=self._app)

    # Changing it -----------------------------------------------------------------------------------------------------
    def merged(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
        """Its arguments and options with further ones: `args` go before its own, all else takes the place of its own.
        An immutable one takes options alone."""
        options = {**self.options, **options}
        if self.immutable:
            return self.args, self.kwargs, options
        return (*args, *self.args), {**self.kwargs, **kwargs}, options

    def clone(self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Signature:
        """Another one, with further arguments and options."""
        made = copy.deepcopy(self)
        made["args"], made["kwargs"], made["options"] = made.merged(tuple(args), kwargs or {}, options)
        return made

    partial = clone

    def replace(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Signature:
        """Another one, with these in place of its own."""
        made = copy.deepcopy(self)
        for key, value in (("args", args), ("kwargs", kwargs), ("options", options)):
            if value is not None:
                made[key] = value
        return made

    def set(self, immutable: bool | None = None, **options: Any) -> Signature:
        """Change its options."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether it is not given what comes before."""
        self.immutable = immutable

    def link(self, callback: Any) -> Any:
        """Have this called, too, when it has succeeded."""
        return self._add(LINK, callback)

    def link_error(self, errback: Any) -> Any:
        """Have this called when it has failed."""
        return self._add(LINK_ERROR, errback)

    def on_error(self, errback: Any) -> Signature:
        """`link_error`, for a row of calls: it returns the signature."""
        self.link_error(errback)
        return self

    def _add(self, key: str, added: Any) -> Any:
        listed = self.options.setdefault(key, [])
        if not isinstance(listed, list):
            listed = self.options[key] = [listed]
        if added not in listed:
            listed.append(added)
        return added

    def __or__(self, after: Any) -> Any:
        from perdure.compat.celery.canvas import joined

        return joined(self, after) if isinstance(after, Signature) else NotImplemented

    def beginning(self, options: Mapping[str, Any]) -> Signature:
        """It, with these options for the calls that begin."""
        return self.set(**options)

    # Calling it ------------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task here and now."""
        args, kwargs, _options = self.merged(args, kwargs, {})
        return self.type(*args, **kwargs)

    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue it; these arguments go before its own."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """Enqueue it, with further arguments and options."""
        args, kwargs, options = self.merged(tuple(args or ()), kwargs or {}, options)
        task = self.app.tasks.get(self.task)
        if task is None:
            return self.app.send_task(self.task, args, kwargs, **options)
        return task.apply_async(args, kwargs, **options)

    def apply(self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run it here and now, as a worker would."""
        args, kwargs, options = self.merged(tuple(args or ()), kwargs or {}, options)
        return self.type.apply(args, kwargs, **options)


def signature(given: Any, *args: Any, app: Celery | None = None, **more: Any) -> Signature:
    """A signature of a task, of its name, or of a signature as plain data."""
    if not isinstance(given, Mapping):
        return Signature(given, *args, **{**more, "app": app})
    if isinstance(given, Signature):
        return given.clone(**more) if more else given
    return of_data(given, app)


subtask = signature


def maybe_signature(given: Any, app: Celery | None = None, clone: bool = False) -> Any:
    """A signature of its plain data; what is none as it is."""
    if not isinstance(given, Mapping) or "task" not in given:
        return given
    made = signature(given, app=app)
    return made.clone() if clone else made


def of_data(data: Mapping[str, Any], app: Celery | None) -> Signature:
    """A signature as it was before it travelled."""
    kind = _KINDS.get(data.get("subtask_type") or "", Signature)
    made = kind.__new__(kind)
    Signature.__init__(made, {"args": (), "kwargs": {}, "options": {}, **data}, app=app)
    for key in (LINK, LINK_ERROR):
        if key in made["options"]:
            listed = made["options"][key]
            several = [listed] if isinstance(listed, Mapping) else listed
            made["options"] = {**made["options"], key: [maybe_signature(each, app) for each in several]}
    return made
