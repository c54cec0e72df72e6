"""`GroupResult`: the results of the members of a group."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from perdure.compat.celery import current
from perdure.compat.celery.exceptions import ImproperlyConfigured, TimeoutError
from perdure.compat.celery.result import AsyncResult

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery


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
        waiting = list(self.results)
        deadline = None if timeout is None else time.monotonic() + timeout
        while waiting:
            ready = [result for result in waiting if result.ready()]
            for result in ready:
                waiting.remove(result)
                yield result.get(propagate=propagate)
            if not ready:
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError("The operation timed out.")
                time.sleep(interval)

    # Looking ---------------------------------------------------------------------------------------------------------
    def ready(self) -> bool:
        """Whether all have ended."""
        return all(result.ready() for result in self.results)

    def successful(self) -> bool:
        """Whether all have succeeded."""
        return all(result.successful() for result in self.results)

    def failed(self) -> bool:
        """Whether one has failed."""
        return any(result.failed() for result in self.results)

    def waiting(self) -> bool:
        """Whether one has not ended."""
        return any(not result.ready() for result in self.results)

    def completed_count(self) -> int:
        """How many have succeeded."""
        return sum(result.successful() for result in self.results)

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
