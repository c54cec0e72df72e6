"""What an owner believes of the room in a stream."""

from __future__ import annotations

from perdure_broker.port import WINDOW_MAX, WINDOW_MIN, PublishResult
from perdure_engine.history.windows import BELIEF_S, Windows
from tests.engine_stage import ACTIVITIES


def test_an_unknown_stream_has_room() -> None:
    assert Windows().take(ACTIVITIES, 0.0)


def test_room_is_used_up_and_then_there_is_backlog() -> None:
    windows = Windows()
    windows.learn(ACTIVITIES, PublishResult(1, 2, False), 1.0)
    assert [windows.take(ACTIVITIES, 1.0) for _ in range(3)] == [True, True, False]


def test_nothing_overtakes_a_backlog() -> None:
    windows = Windows()
    windows.learn(ACTIVITIES, PublishResult(0, 50, True), 1.0)
    assert not windows.take(ACTIVITIES, 1.0 + BELIEF_S / 2)


def test_a_belief_grows_old() -> None:
    windows = Windows()
    windows.learn(ACTIVITIES, PublishResult(0, 0, True), 1.0)
    later = 1.0 + 2 * BELIEF_S
    taken = 0
    while windows.take(ACTIVITIES, later):
        taken += 1
    assert WINDOW_MIN <= taken < WINDOW_MAX


def test_the_largest_window_seen_is_what_an_empty_stream_is_thought_to_take() -> None:
    windows = Windows()
    windows.learn(ACTIVITIES, PublishResult(1, 200, False), 1.0)
    windows.learn(ACTIVITIES, PublishResult(1, 20, False), 1.01)
    taken = 0
    while windows.take(ACTIVITIES, 2.0):
        taken += 1
    assert taken == 200
