"""Canvas under Celery's names: `chain`, `group`, `chord`, `chunks` and maps; carried out by `perdure.tasks.canvas`.

A group is its members, each enqueued by itself, so that each has a result of its own. All else is one durable workflow,
whose steps are the tasks: what has been done is not done again, and what fails is told to whoever waits.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perdure.compat.celery import canvas_starting, states
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.group_result import GroupResult
from perdure.compat.celery.result import EagerResult
from perdure.compat.celery.signature import LINK_ERROR, Signature, maybe_signature, signature, subtask

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery


class Composed(Signature):
    """Several calls put together; they are in `kwargs`, as under Celery."""

    def __init__(self, kwargs: Mapping[str, Any], app: Celery | None, options: Mapping[str, Any]) -> None:
        super().__init__(f"celery.{self.kind}", kwargs=kwargs, app=app, options=options)

    def signatures(self, field: str) -> list[Signature]:
        """Those of a field, which are plain data where it has travelled."""
        return [maybe_signature(each, self._app) for each in self["kwargs"][field]]

    def clone(self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Signature:
        """Another one; further arguments are for the calls that begin."""
        made = super().clone((), None, **options)
        if (args or kwargs) and not self.immutable:
            assert isinstance(made, Composed)
            made.begin_with(tuple(args), kwargs or {}, {})
        return made

    partial = clone

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue it."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """Enqueue it; further arguments, and options such as `queue`, are for the calls that begin."""
        made = self.clone(tuple(args or ()), kwargs, **options)
        assert isinstance(made, Composed)
        return made.apply() if self.app.conf.task_always_eager else made.start()

    def apply(self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run it here and now."""
        made = self.clone(tuple(args or ()), kwargs, **options)
        assert isinstance(made, Composed)
        return made.run_here()

    def start(self) -> Any:
        """Enqueue it as it is."""
        own, others = canvas_starting.own_options(self.options)
        return canvas_starting.start(self.app, self.beginning(others), own)

    def beginning(self, options: Mapping[str, Any]) -> Signature:
        """It, with these options for the calls that begin."""
        if options:
            self.begin_with((), {}, options)
        return self

    @abstractmethod
    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Give this to the calls that begin."""

    @abstractmethod
    def run_here(self) -> Any:
        """Run it as it is."""


class chain(Composed):
    """One after another, each with the result of the one before; a group's results come as a list."""

    kind = "chain"

    def __init__(self, *tasks: Any, app: Celery | None = None, **options: Any) -> None:
        links: list[Signature] = []
        for given in _signatures(tasks, app):
            links += given.tasks if isinstance(given, chain) and not given.options else [given]
        if not links:
            raise ImproperlyConfigured("a chain needs a signature at least, such as task.s(1, 2)")
        super().__init__({"tasks": tuple(links)}, app or links[0]._app, options)

    @property
    def tasks(self) -> list[Signature]:
        return self.signatures("tasks")

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.tasks))

    def link(self, callback: Any) -> Any:
        """Have this called with the result of its last link."""
        *before, last = self.tasks
        last.link(callback)
        self["kwargs"]["tasks"] = (*before, last)
        return callback

    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        first, *others = self.tasks
        self["kwargs"]["tasks"] = (first.clone(args, kwargs, **options), *others)

    def run_here(self) -> Any:
        last: Any = None
        for link in self.tasks:
            last = link.apply(() if last is None else (last.get(disable_sync_subtasks=False),))
        return last


class group(Composed):
    """All at once, each with a result of its own."""

    kind = "group"

    def __init__(self, *tasks: Any, app: Celery | None = None, **options: Any) -> None:
        members: list[Signature] = []
        for given in _signatures(tasks, app):
            members += given.tasks if isinstance(given, group) else [given]
        super().__init__({"tasks": members}, app or (members[0]._app if members else None), options)

    @property
    def tasks(self) -> list[Signature]:
        return self.signatures("tasks")

    def __len__(self) -> int:
        return len(self["kwargs"]["tasks"])

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"group({self.tasks!r})"

    def link(self, callback: Any) -> Any:
        """Refused: with what it would be called is not clear."""
        raise ImproperlyConfigured("a group has no result of its own; write (group | callback), or link each member")

    def link_error(self, errback: Any) -> Any:
        """Have this called for each member that fails."""
        members = self.tasks
        for member in members:
            member.link_error(errback)
        self["kwargs"]["tasks"] = members
        return errback

    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self["kwargs"]["tasks"] = [member.clone(args, kwargs, **options) for member in self.tasks]

    def start(self) -> Any:
        """Enqueue its members, many together."""
        own, others = canvas_starting.own_options(self.options)
        members = [member.clone((), None, **others, **own.timing) for member in self.tasks]
        results = canvas_starting.start_all(self.app, members)
        return GroupResult(own.id, results, app=self.app)

    def run_here(self) -> Any:
        own, _others = canvas_starting.own_options(self.options)
        return GroupResult(own.id, [member.apply() for member in self.tasks], app=self.app)


class chord(Composed):
    """A group, then a body with the list of its results."""

    kind = "chord"

    def __init__(self, header: Any, body: Any = None, app: Celery | None = None, **options: Any) -> None:
        members = group(header, app=app)
        super().__init__({"header": members, "body": maybe_signature(body, app)}, app or members._app, options)

    @property
    def tasks(self) -> group:
        header = maybe_signature(self["kwargs"]["header"], self._app)
        return header if isinstance(header, group) else group(header, app=self._app)

    header = tasks

    @property
    def body(self) -> Signature:
        body = maybe_signature(self["kwargs"]["body"], self._app)
        if not isinstance(body, Signature):
            raise ImproperlyConfigured("a chord needs a body: chord(header, task.s()), or chord(header)(task.s())")
        return body

    def __repr__(self) -> str:
        return f"chord({self.tasks.tasks!r}, {self['kwargs']['body']!r})"

    def __call__(self, body: Any = None, **options: Any) -> Any:
        """Enqueue it, with this body."""
        made = self.clone()
        if body is not None:
            made["kwargs"]["body"] = body
        return made.apply_async(**options)

    def link(self, callback: Any) -> Any:
        """Have this called with the result of its body."""
        body = self.body
        body.link(callback)
        self["kwargs"]["body"] = body
        return callback

    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        header = self.tasks
        header.begin_with(args, kwargs, options)
        self["kwargs"]["header"] = header
        if options:
            self["kwargs"]["body"] = self.body.clone((), None, **options)

    def run_here(self) -> Any:
        results = self.tasks.apply().get(disable_sync_subtasks=False)
        return self.body.apply((results,))


class xmap(Composed):
    """A task for each of some arguments, one after another; the result is the list of results."""

    kind = "map"

    def __init__(self, task: Any, it: Iterable[Any], app: Celery | None = None, **options: Any) -> None:
        made = signature(task)
        super().__init__({"task": made, "it": list(it)}, app or made._app, options)

    @property
    def each(self) -> Signature:
        """The call that is made for each."""
        return signature(self["kwargs"]["task"], app=self._app)

    def calls(self) -> list[Sequence[Any]]:
        """The arguments of each call."""
        return [[item] for item in self["kwargs"]["it"]]

    def __repr__(self) -> str:
        return f"[{self.each.task}(x) for x in {self['kwargs']['it']!r}]"

    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self["kwargs"]["task"] = self.each.clone(args, kwargs, **options)

    def run_here(self) -> Any:
        run = self.each.type
        return EagerResult(str(uuid.uuid4()), [run(*call) for call in self.calls()], states.SUCCESS, name=self.task)


class xstarmap(xmap):
    """A task for each of some lists of arguments, one after another; the result is the list of results."""

    kind = "starmap"

    def calls(self) -> list[Sequence[Any]]:
        return [list(item) for item in self["kwargs"]["it"]]

    def __repr__(self) -> str:
        return f"[{self.each.task}(*x) for x in {self['kwargs']['it']!r}]"


class chunks(Composed):
    """`starmap` in pieces of a size, which run at once."""

    kind = "chunks"

    def __init__(self, task: Any, it: Iterable[Any], n: int, app: Celery | None = None, **options: Any) -> None:
        if n < 1:
            raise ValueError(f"the size of a chunk is {n}; it must be 1 or more")
        made = signature(task)
        super().__init__({"task": made, "it": list(it), "n": n}, app or made._app, options)

    def group(self) -> group:
        """The pieces."""
        task, items, size = (self["kwargs"][key] for key in ("task", "it", "n"))
        pieces = (items[at : at + size] for at in range(0, len(items), size))
        return group([xstarmap(task, piece, app=self._app) for piece in pieces], app=self._app, **self.options)

    def begin_with(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self["kwargs"]["task"] = signature(self["kwargs"]["task"]).clone(args, kwargs, **options)

    def start(self) -> Any:
        """Enqueue its pieces."""
        return self.group().start()

    def run_here(self) -> Any:
        return self.group().run_here()


def joined(before: Signature, after: Signature) -> Signature:
    """`before | after`."""
    return chain(before, after)


def _signatures(given: Sequence[Any], app: Celery | None) -> list[Signature]:
    """Signatures, alone or in one iterable."""
    several = given[0] if len(given) == 1 and not isinstance(given[0], Mapping) and _is_iterable(given[0]) else given
    made = [maybe_signature(each, app) for each in several]
    for each in made:
        if not isinstance(each, Signature):
            raise TypeError(f"{each!r} is no signature; write task.s(...)")
    return made


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable)


__all__ = [
    "LINK_ERROR",
    "Signature",
    "chain",
    "chord",
    "chunks",
    "group",
    "maybe_signature",
    "signature",
    "subtask",
    "xmap",
    "xstarmap",
]
