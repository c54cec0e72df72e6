"""Which messages may be lost: never those that are merely late."""

from __future__ import annotations

from itertools import pairwise

from perdure_engine.history.post import MESSAGE_KIND
from perdure_engine.history.unanswered import AT_ONCE_MAX, OVERDUE_US, PATIENCE_MAX_US, UnansweredMessages
from perdure_store.port import TransferKey

SECOND = 1_000_000


def key(number: int) -> TransferKey:
    return TransferKey(0, "run", MESSAGE_KIND, number)


def test_a_lone_message_is_lost_when_nothing_was_answered_for_a_while() -> None:
    messages = UnansweredMessages()
    messages.sent(key(1), 10 * SECOND)
    assert messages.take_overdue(10 * SECOND + OVERDUE_US - 1) == []
    assert messages.take_overdue(10 * SECOND + OVERDUE_US) == [key(1)]
    assert messages.take_overdue(10 * SECOND + OVERDUE_US) == []


def test_one_that_others_overtook_is_lost_though_much_is_answered() -> None:
    messages = UnansweredMessages()
    for number in range(12):
        messages.sent(key(number), number * SECOND)
    messages.answered(key(1), 12 * SECOND)
    assert messages.take_overdue(12 * SECOND) == [key(0)]


def test_an_engine_that_has_much_to_do_is_sent_nothing_twice() -> None:
    messages = UnansweredMessages()
    for number in range(100):
        messages.sent(key(number), SECOND)
    for number in range(50):
        messages.answered(key(number), 60 * SECOND)
    assert messages.take_overdue(60 * SECOND) == []
    assert messages.take_overdue(60 * SECOND + OVERDUE_US) == [key(number) for number in range(50, 100)]


def test_each_time_it_waits_twice_as_long() -> None:
    messages = UnansweredMessages()
    messages.sent(key(1), 0)
    sent_again = [now for now in range(0, 600 * SECOND, SECOND) if messages.take_overdue(now)]
    waits = [later - earlier for earlier, later in pairwise(sent_again)]
    assert waits[:4] == [6 * SECOND, 12 * SECOND, 24 * SECOND, 48 * SECOND]
    assert set(waits[4:]) == {PATIENCE_MAX_US}


def test_a_great_loss_is_made_up_for_in_parts() -> None:
    messages = UnansweredMessages()
    for number in range(AT_ONCE_MAX + 1):
        messages.sent(key(number), 0)
    assert len(messages.take_overdue(OVERDUE_US)) == AT_ONCE_MAX
    assert messages.take_overdue(OVERDUE_US) == [key(AT_ONCE_MAX)]


def test_what_is_answered_or_forgotten_is_not_sent_again() -> None:
    messages = UnansweredMessages()
    for number in range(3):
        messages.sent(key(number), 0)
    messages.rest()
    assert messages.some.is_set()
    assert len(messages.take_overdue(OVERDUE_US)) == 3
    messages.answered(key(0), OVERDUE_US)
    messages.forget([key(1), key(2)])
    assert messages.take_overdue(1_000 * SECOND) == []
    messages.rest()
    assert not messages.some.is_set()
