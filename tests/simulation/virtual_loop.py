"""An event loop on virtual time that runs the tasks of several simulated processes, and can hold each of them still.

Role: when nothing is ready, the clock jumps to the next timer, so nothing ever waits. Which of the callbacks that are
ready runs next is drawn from a generator: every order that the tasks of one or several processes can take, and not just
the one in which they became ready.

Rules:
- What runs belongs to a `Domain` (a simulated process, or none: servers, network and the world itself) by a context
  variable, which tasks and callbacks inherit.
- Nothing of a domain that does not run is ever called: its callbacks wait until it runs again, or for ever.
- The order depends on the program and the generator alone.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from heapq import heappop, heappush
from typing import Any, Literal, TypeVarTuple

Ts = TypeVarTuple("Ts")

Order = Literal["fifo", "shuffled", "newest"]
"""Which of the ready callbacks is next: the first, any, or most often the last that became ready."""

NEWEST_SHARE = 0.75


class Deadlock(Exception):
    """Every task waits for another one: no timer will ever wake anybody."""


class Endless(Exception):
    """So much was run that there is no end to it."""


TURNS_MAX = 1_000_000
"""Turns of the loop; a simulation takes some 70,000."""


class Domain:
    """A part of the program that can be held still as a whole.

    Attributes:
        is_running: while it is not, nothing of it is called.
        held: callbacks that became ready meanwhile, in order.
    """

    def __init__(self) -> None:
        self.is_running = True
        self.held: list[asyncio.Handle] = []
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._prune_at = 256

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task of this domain begins. It is kept from the garbage collector, which would end it, until it is done."""
        self.tasks[task] = None
        if len(self.tasks) > self._prune_at:
            self.tasks = {known: None for known in self.tasks if not known.done()}
            self._prune_at = 2 * len(self.tasks) + 256


DOMAIN: ContextVar[Domain | None] = ContextVar("DOMAIN", default=None)


class _Ready(deque[asyncio.Handle]):
    """The callbacks that are ready."""

    def __init__(self, generator: random.Random, order: Order, nothing: asyncio.Handle) -> None:
        super().__init__()
        self._random = generator
        self._order = order
        self._nothing = nothing

    def append(self, handle: asyncio.Handle, /) -> None:
        domain = handle._context.get(DOMAIN)  # type: ignore[attr-defined]  # typeshed does not tell of it
        if domain is None or domain.is_running:
            super().append(handle)
        else:
            domain.held.append(handle)

    def popleft(self) -> asyncio.Handle:
        """The next one. The loop counts before it calls, and what it counted may be held by now: then nothing."""
        length = len(self)
        if length < 2 or self._order == "fifo":
            return super().popleft() if length else self._nothing
        if self._order == "newest" and self._random.random() < NEWEST_SHARE:
            return super().pop()
        index = int(self._random.random() * length)
        self.rotate(-index)
        handle = super().popleft()
        self.rotate(index)
        return handle

    def take_out(self, domain: Domain) -> list[asyncio.Handle]:
        """Remove, and return, what belongs to a domain."""
        mine = [handle for handle in self if handle._context.get(DOMAIN) is domain]  # type: ignore[attr-defined]
        others = [handle for handle in self if handle._context.get(DOMAIN) is not domain]  # type: ignore[attr-defined]
        self.clear()
        self.extend(others)
        return mine


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as the machine allows. It has no sockets, so what asyncio's own loop does between two callbacks is
    replaced by what is left of it: to look for timers that are due."""

    _stopping: bool  # asyncio's own: `stop` was called

    def __init__(self, generator: random.Random | None = None, order: Order = "fifo") -> None:
        super().__init__()
        nothing = asyncio.Handle(_nothing, (), self)
        nothing.cancel()
        self._now_s = 0.0
        self._ready = _Ready(generator or random.Random(0), order, nothing)
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_made = 0
        self._turns = 0
        self.set_task_factory(_make_task)

    def time(self) -> float:
        return self._now_s

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_made += 1
        heappush(self._timers, (when, self._timers_made, handle))
        return handle

    def _run_once(self) -> None:
        """One turn: everything that is ready now, and what comes due when nothing is."""
        timers, ready = self._timers, self._ready
        self._turns += 1
        if self._turns > TURNS_MAX:
            self._turns = 0  # whoever cleans up has as many again
            raise Endless(f"{TURNS_MAX:,} turns, and it is {self._now_s:.1f} s")
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise Deadlock("every task waits, and no timer is set")
            self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            handle = heappop(timers)[2]
            if not handle.cancelled():
                ready.append(handle)
        for _ in range(len(ready)):
            next_one = ready.popleft()
            if not next_one.cancelled():
                next_one._run()

    def hold(self, domain: Domain) -> None:
        """From now on nothing of this domain is called."""
        domain.is_running = False
        domain.held.extend(self._ready.take_out(domain))

    def let_go(self, domain: Domain) -> None:
        """The domain goes on where it was."""
        domain.is_running = True
        held, domain.held = domain.held, []
        for handle in held:
            self._ready.append(handle)


def _nothing() -> None:
    """What is run when everything that was ready is held by now."""


def _make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    context: Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context, **options)
    domain = DOMAIN.get() if context is None else context.get(DOMAIN)
    if domain is not None:
        domain.adopt(task)
    return task
