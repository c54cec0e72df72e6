"""What an owner believes of the room in each task stream, so that most rows are right when they are written.

A belief that is too high is corrected by an update of the refused rows, one that is too low by the dispatcher. Neither
loses anything.
"""

from __future__ import annotations

from collections.abc import Callable

from perdure_broker.port import WINDOW_MAX, WINDOW_MIN, PublishResult, TaskStream

BELIEF_S = 0.05
"""Seconds for which the last answer of a stream is trusted; after that its window is taken to be empty again."""


class _Belief:
    __slots__ = ("backlogged", "free", "time", "window")

    def __init__(self) -> None:
        self.free = WINDOW_MAX
        self.window = WINDOW_MAX
        self.backlogged = False
        self.time = -1.0


class Windows:
    """Args:
    holds_back: which queues hand nothing out but by their dispatcher.
    """

    def __init__(self, holds_back: Callable[[TaskStream], bool] = lambda stream: False) -> None:
        self._holds_back = holds_back
        self._beliefs: dict[TaskStream, _Belief] = {}

    def take(self, stream: TaskStream, now: float) -> bool:
        """True if one more task of this stream should be published directly, False if it is backlog from the start."""
        if self._holds_back(stream):
            return False
        belief = self._beliefs.get(stream)
        if belief is None:
            belief = self._beliefs[stream] = _Belief()
        if now - belief.time > BELIEF_S:
            belief.free = belief.window
            belief.backlogged = False
            belief.time = now
        if belief.backlogged or belief.free <= 0:
            return False
        belief.free -= 1
        return True

    def learn(self, stream: TaskStream, result: PublishResult, now: float) -> None:
        """What the stream said when it was last published to."""
        belief = self._beliefs.get(stream)
        if belief is None:
            belief = self._beliefs[stream] = _Belief()
        if belief.window == WINDOW_MAX and result.free < WINDOW_MAX:
            belief.window = 0
        belief.window = max(belief.window, result.free, WINDOW_MIN)
        belief.free = result.free
        belief.backlogged = result.backlogged
        belief.time = now
