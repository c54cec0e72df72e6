"""`GroupResult`: the results of the members of a group."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from perdure.client import Client
from perdure.compat.celery import current, states
from perdure.compat.celery.context import running
from perdure.compat.celery.exceptions import ImproperlyConfigured, TimeoutError
from perdure.compat.celery.outcome import Outcome
from perdure.compat.celery.result import AsyncResult

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

AT_ONCE_MAX = 1_000
"""Results that are looked at together."""


class ResultSet:
    """Results of several tasks.

    Attributes:
        results: One for each, in order.
    """

    parent: AsyncResult | None = None

    def __init__(self, results: Sequence[Any], app: Celery | None = None, **_known: Any) -> None:
        self.results = list(results)
        self.app = app or current.get_current_app()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, at: int) -> Any:
        return self.results[at]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(str(result) for result in self.results)}]>"

    @property
    def children(self) -> list[Any]:
        """The same as `results`."""
        return self.results

    def add(self, result: Any) -> None:
        """One more."""
        if result not in self.results:
            self.results.append(result)

    # Waiting ---------------------------------------------------------------------------------------------------------
    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        callback: Callable[[str, Any], Any] | None = None,
        disable_sync_subtasks: bool = True,
        **_known: Any,
    ) -> list[Any]:
        """Wait until all are ready, and return the list of results.

        Args:
            timeout: For all together, seconds.
            propagate: Raise what the first member raised that failed; else the exception stands in its place.
            callback: Called with the id and the result of each.

        Raises:
            TimeoutError: not all are ready by then.
            Exception: what a member raised.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not (disable_sync_subtasks and running.get()):
            self._await_together(timeout, propagate)
        found = []
        for result in self.results:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            value = result.get(left, propagate, interval=interval, disable_sync_subtasks=disable_sync_subtasks)
            if callback is not None:
                callback(result.id, value)
            found.append(value)
        return found

    join = get
    join_native = get

    def iterate(self, timeout: float | None = None, propagate: bool = True, interval: float = 0.5) -> Iterator[Any]:
        """The results in the order in which they are ready.

        Raises:
            TimeoutError: nothing more was ready for so many seconds.
        """
        waiting = list(self.each())
        deadline = None if timeout is None else time.monotonic() + timeout
        while waiting:
            ResultSet(waiting, self.app).ready()
            ready = [result for result in waiting if result.known is not None and result.known.is_ready]
            for result in ready:
                waiting.remove(result)
                yield result.get(propagate=propagate)
            if not ready:
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError("The operation timed out.")
                time.sleep(interval)

    def _await_together(self, timeout: float | None, propagate: bool) -> None:
        """Wait for all at once; with `propagate`, until one has failed.

        Raises:
            Exception: what that one raised.
        """
        waiting = [result for result in self.each() if result.known is None]
        if waiting:
            with contextlib.suppress(builtins.TimeoutError):  # who is not ready says so when it is asked
                self.app.cluster.wait(functools.partial(_learn_all, waiting, propagate), timeout)
        for result in self.each() if propagate else ():
            if result.known is not None:
                result.maybe_throw()

    # Looking ---------------------------------------------------------------------------------------------------------
    def each(self) -> Iterator[AsyncResult]:
        """The results of single tasks and canvases, in order: those of groups inside of this one are among them."""
        for result in self.results:
            if isinstance(result, ResultSet):
                yield from result.each()
            else:
                yield result

    def _outcomes(self) -> list[Outcome]:
        found = {id(result): result.known for result in self.each()}
        asked = [result for result in self.each() if result.known is None]
        for at in range(0, len(asked), AT_ONCE_MAX):
            some = asked[at : at + AT_ONCE_MAX]
            seen = self.app.cluster.wait(functools.partial(_look_at_all, some))
            found.update({id(result): outcome for result, outcome in zip(some, seen, strict=True)})
        return [outcome for outcome in found.values() if outcome is not None]

    def ready(self) -> bool:
        """Whether all have ended."""
        return all(outcome.is_ready for outcome in self._outcomes())

    def successful(self) -> bool:
        """Whether all have succeeded."""
        return all(outcome.status == states.SUCCESS for outcome in self._outcomes())

    def failed(self) -> bool:
        """Whether one has failed."""
        return any(outcome.status == states.FAILURE for outcome in self._outcomes())

    def waiting(self) -> bool:
        """Whether one has not ended."""
        return not self.ready()

    def completed_count(self) -> int:
        """How many have succeeded."""
        return sum(outcome.status == states.SUCCESS for outcome in self._outcomes())

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> None:
        """Raise what a member raised that has failed."""
        for result in self.results:
            result.maybe_throw(propagate=propagate, callback=callback)

    maybe_reraise = maybe_throw

    # Doing -----------------------------------------------------------------------------------------------------------
    def revoke(self, connection: Any = None, terminate: bool = False, signal: Any = None, **_known: Any) -> None:
        """Do not run them."""
        for result in self.results:
            result.revoke(terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Results are dropped when their time is over."""
        for result in self.results:
            result.forget()


class GroupResult(ResultSet):
    """The results of a group.

    Attributes:
        id: Of the group; nothing is kept under it.
    """

    def __init__(
        self, id: str, results: Sequence[Any] = (), parent: AsyncResult | None = None, app: Celery | None = None
    ) -> None:
        super().__init__(results, app)
        self.id = id
        self.parent = parent

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<GroupResult: {self.id} [{', '.join(str(result) for result in self.results)}]>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GroupResult) and (other.id, other.results) == (self.id, self.results)

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> builtins.tuple[Any, ...]:
        return type(self), (self.id, self.results)

    def save(self, backend: Any = None) -> NoReturn:
        """Refused: groups are not kept."""
        raise ImproperlyConfigured(
            "a group is not kept under its id: keep the ids of its members, [result.id for result in group_result], "
            "and make it again: GroupResult(id, [app.AsyncResult(id) for id in ids])"
        )

    delete = save

    @classmethod
    def restore(cls, id: str, backend: Any = None, app: Any = None) -> NoReturn:
        """Refused: groups are not kept."""
        raise ImproperlyConfigured(
            f"the group {id!r} is not kept under its id: keep the ids of its members, and make it again: "
            "GroupResult(id, [app.AsyncResult(id) for id in ids])"
        )


async def _learn_all(results: Sequence[AsyncResult], stops_at_failure: bool, client: Client) -> None:
    """Wait until all have ended; or one has failed, if that is enough."""
    learning = [asyncio.ensure_future(result.learn(client)) for result in results]
    try:
        for each in asyncio.as_completed(learning):
            if (await each).status in states.PROPAGATE_STATES and stops_at_failure:
                return
    finally:
        for task in learning:
            task.cancel()
        await asyncio.gather(*learning, return_exceptions=True)


async def _look_at_all(results: Sequence[AsyncResult], client: Client) -> list[Outcome]:
    return list(await asyncio.gather(*(result.look(client) for result in results)))
