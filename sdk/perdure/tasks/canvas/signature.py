"""Signatures: calls that are not made yet, alone or put together. Immutable; nothing happens until one is enqueued."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from perdure.tasks.canvas.handle import CanvasHandle, GroupHandle
from perdure.tasks.canvas.plan import Node, Packing
from perdure.tasks.canvas.starting import Start
from perdure.tasks.options import Seconds, optional_duration

if TYPE_CHECKING:
    from perdure.tasks.definition import Task
    from perdure.tasks.handle import TaskHandle

P = ParamSpec("P")
R = TypeVar("R")

_BEFORE: Any = object()
"""Stands for the result of what comes before, while arguments are put in order."""


class Signature(ABC):
    """What can be put together: `a | b` is a chain; `group | b` is a chord."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def queue(self) -> str:
        """The task queue of its first step; the workflow runs there unless its start says otherwise."""

    @property
    def result_type(self) -> Any:
        """What its result is decoded to; None: as it comes."""
        return None

    @abstractmethod
    def pack(self, packing: Packing, takes: bool) -> Node:
        """It as data; `takes`: it is given the result of what comes before.

        Raises:
            TypeError: arguments do not fit their task.
            CanvasTooLarge: it has too many steps.
        """

    def on_failure(self, *told: Signature) -> Signature:
        """The same, and what is called when it fails (not when it is cancelled): each of `told` is given a dictionary
        with the `type`, the `message` and the `details` of what was raised, and the `member` of a group that raised it
        (or None), under the one key `__failure__`. It fails all the same, when those have ended; what they raise
        changes nothing."""
        return Watched(self, _signatures(told, "call of on_failure"))

    def __or__(self, after: Signature) -> Signature:
        if not isinstance(after, Signature):
            return NotImplemented
        return chain(self, after)

    def delay(self) -> Any:
        """Enqueue it; it is durable when this returns, as a workflow whose steps are its tasks.

        Raises:
            TypeError: arguments do not fit their task.
            CanvasTooLarge: it has too many steps.
            RPCError: no engine confirmed it in time.
        """
        return self.apply_async()

    async def adelay(self) -> Any:
        """`delay`, in a coroutine."""
        return await self.aapply_async()

    def apply_async(self, **options: Any) -> Any:
        """Enqueue it, with options of this start.

        Args:
            task_id: Yours to choose: what has it already is not enqueued a second time (`is_new` of the handle tells).
            countdown: Not before so long (seconds or a `timedelta`) from now.
            queue: Where the workflow itself runs; the steps run on the queues of their tasks.
            timeout: All of it fails when it is not done by then; by default after seven days. It names what it
                waited for.

        Raises:
            Further, as `delay`.
        """
        return Start(self, **options).wait()

    async def aapply_async(self, **options: Any) -> Any:
        """`apply_async`, in a coroutine."""
        return await Start(self, **options).ask()

    def handle(self, id: str, run_id: str | None, *, is_new: bool) -> CanvasHandle[Any]:
        """The handle of its start."""
        return CanvasHandle(id, run_id, self.result_type, is_new=is_new)


@dataclass(frozen=True, eq=False)
class TaskSignature(Signature, Generic[R]):
    """One call of a task: `task.s(...)`, or `task.si(...)`, which is not given the result of what comes before.

    Attributes:
        task: With the options that hold for this call.
        countdown: Not begun before so long after it could be.
    """

    task: Task[..., R]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    is_immutable: bool = False
    countdown: Seconds | None = None

    @property
    def description(self) -> str:
        return self.task.name

    @property
    def queue(self) -> str:
        return self.task.options.queue

    @property
    def result_type(self) -> Any:
        return self.task.__perdure_activity__.result_type

    def set(self, *, countdown: Seconds | None = None, **options: Any) -> TaskSignature[R]:
        """The same call with other options: those of `@task`, and a countdown."""
        task = self.task.with_options(**options) if options else self.task
        return replace(self, task=task, countdown=self.countdown if countdown is None else countdown)

    def pack(self, packing: Packing, takes: bool) -> Node:
        packing.count(1)
        takes = takes and not self.is_immutable
        try:
            values = self.task.positions((_BEFORE, *self.args) if takes else self.args, self.kwargs)
        except TypeError as error:
            cure = "; the result before it is its first argument (task.si(...) is given none)" if takes else ""
            raise TypeError(f"the task {self.task.name!r} does not take these arguments: {error}{cure}") from None
        _refuse_bytes(self.task.name, values)
        number = packing.number(self.task, optional_duration(self.countdown))
        return {"k": "task", "of": number, "args": list(values[1:] if takes else values), "takes": takes}

    def delay(self, *args: Any) -> TaskHandle[R]:
        """Enqueue it, as `Task.delay` does; `args` go before its own."""
        return self.task.apply_async((*args, *self.args), self.kwargs, countdown=self.countdown)

    async def adelay(self, *args: Any) -> TaskHandle[R]:
        """`delay`, in a coroutine."""
        return await self.task.aapply_async((*args, *self.args), self.kwargs, countdown=self.countdown)

    def apply_async(self, **options: Any) -> TaskHandle[R]:
        """Enqueue it; the options are those of `Task.apply_async`."""
        return self.task.apply_async(self.args, self.kwargs, **{"countdown": self.countdown, **options})

    async def aapply_async(self, **options: Any) -> TaskHandle[R]:
        """`apply_async`, in a coroutine."""
        return await self.task.aapply_async(self.args, self.kwargs, **{"countdown": self.countdown, **options})


@dataclass(frozen=True, eq=False)
class Chain(Signature):
    """One after another, each with the result of the one before. The first failure ends it: `ChainError` says which."""

    links: tuple[Signature, ...]

    @property
    def description(self) -> str:
        return f"chain of {len(self.links)}"

    @property
    def queue(self) -> str:
        return self.links[0].queue

    @property
    def result_type(self) -> Any:
        return self.links[-1].result_type

    def pack(self, packing: Packing, takes: bool) -> Node:
        return {"k": "chain", "of": [link.pack(packing, takes or at > 0) for at, link in enumerate(self.links)]}


@dataclass(frozen=True, eq=False)
class Group(Signature):
    """All at once. All end, and each tells how; inside something else, a member that failed fails the group."""

    members: tuple[Signature, ...]

    @property
    def description(self) -> str:
        return f"group of {len(self.members)}"

    @property
    def queue(self) -> str:
        return self.members[0].queue

    def pack(self, packing: Packing, takes: bool) -> Node:
        packing.check("group", len(self.members))
        return {"k": "group", "of": [member.pack(packing, takes) for member in self.members]}

    def handle(self, id: str, run_id: str | None, *, is_new: bool) -> GroupHandle:
        return GroupHandle(id, run_id, [member.result_type for member in self.members], is_new=is_new)


@dataclass(frozen=True, eq=False)
class Chord(Signature):
    """A group, then a body with the list of its results. A member that failed fails it: `ChordError` names them all."""

    header: Group
    body: Signature

    @property
    def description(self) -> str:
        return f"chord of {len(self.header.members)}"

    @property
    def queue(self) -> str:
        return self.header.queue

    @property
    def result_type(self) -> Any:
        return self.body.result_type

    def pack(self, packing: Packing, takes: bool) -> Node:
        return {"k": "chord", "of": self.header.pack(packing, takes), "body": self.body.pack(packing, True)}


@dataclass(frozen=True, eq=False)
class Watched(Signature):
    """Something, and what is called when it fails."""

    whole: Signature
    told: tuple[Signature, ...]

    @property
    def description(self) -> str:
        return self.whole.description

    @property
    def queue(self) -> str:
        return self.whole.queue

    @property
    def result_type(self) -> Any:
        return self.whole.result_type

    def pack(self, packing: Packing, takes: bool) -> Node:
        told = [each.pack(packing, True) for each in self.told]
        return {"k": "watch", "of": self.whole.pack(packing, takes), "told": told}


@dataclass(frozen=True, eq=False)
class Mapped(Signature):
    """A task for each of some items, one after another, each a step of its own; the result is the list of results. The
    first failure ends it: `MapError` says which item.

    Attributes:
        items: The arguments of each call.
        is_apart: In a workflow of its own, as a chunk is.
    """

    task: Task[..., Any]
    items: tuple[Sequence[Any], ...]
    is_apart: bool = False

    @property
    def description(self) -> str:
        return f"{self.task.name} of {len(self.items)} items"

    @property
    def queue(self) -> str:
        return self.task.options.queue

    @property
    def result_type(self) -> Any:
        hint = self.task.__perdure_activity__.result_type
        return None if hint is None else GenericAlias(list, (hint,))

    def pack(self, packing: Packing, takes: bool) -> Node:
        packing.check("chunk" if self.is_apart else "map", len(self.items))
        if self.is_apart:
            packing.count_apart(1)
        else:
            packing.count(len(self.items))
        items = [list(self.task.positions(item, {})) for item in self.items]
        for item in items:
            _refuse_bytes(self.task.name, item)
        node = {"k": "map", "of": packing.number(self.task), "items": items}
        return {"k": "apart", "of": node, "queue": self.queue} if self.is_apart else node


def chain(*links: Signature | Iterable[Signature]) -> Signature:
    """One after another, each with the result of the one before; a group that something follows is a chord.

    Raises:
        TypeError: something is no signature.
        ValueError: there is none.
    """
    flat: list[Signature] = []
    for given in _signatures(links, "chain"):
        for link in given.links if isinstance(given, Chain) else (given,):
            before = flat[-1] if flat else None
            if isinstance(before, Group):
                flat[-1] = Chord(before, link)
            else:
                flat.append(link)
    return flat[0] if len(flat) == 1 else Chain(tuple(flat))


def group(*members: Signature | Iterable[Signature]) -> Group:
    """All at once.

    Raises:
        TypeError: something is no signature.
        ValueError: there is none.
    """
    return Group(_signatures(members, "group"))


def chord(header: Group | Iterable[Signature], body: Signature) -> Chord:
    """All at once, then the body with the list of their results.

    Raises:
        TypeError: something is no signature.
        ValueError: the header is empty.
    """
    members = header.members if isinstance(header, Group) else _signatures((header,), "chord")
    return Chord(Group(members), _signatures((body,), "chord")[0])


def mapped(task: Task[..., Any], items: Iterable[Sequence[Any]]) -> Mapped:
    """A task for each of these lists of arguments, one after another."""
    return Mapped(task, tuple(items))


def chunks(task: Task[..., Any], items: Iterable[Sequence[Any]], size: int) -> Group:
    """Those calls in pieces of this size: the pieces at once, the items of each one after another.

    Raises:
        ValueError: the size is below 1, or there is no item.
    """
    if size < 1:
        raise ValueError(f"the size of a chunk is {size}; it must be 1 or more")
    calls = tuple(items)
    return group(Mapped(task, calls[at : at + size], is_apart=True) for at in range(0, len(calls), size))


def _signatures(given: Sequence[Signature | Iterable[Signature]], what: str) -> tuple[Signature, ...]:
    flat: list[Signature] = []
    for each in given:
        several = [each] if isinstance(each, Signature) or not isinstance(each, Iterable) else each
        for member in several:
            if not isinstance(member, Signature):
                raise TypeError(f"a {what} is made of signatures, such as task.s(1, 2); {member!r} is none")
            flat.append(member)
    if not flat:
        raise ValueError(f"a {what} needs a signature at least")
    return tuple(flat)


def _refuse_bytes(name: str, values: Sequence[Any]) -> None:
    """They would come out as text where a task has no type hint."""
    if any(isinstance(value, bytes | bytearray | memoryview) for value in values):
        raise TypeError(
            f"the task {name!r} is given bytes; the arguments in a canvas travel as JSON: give text, such as base64"
        )
