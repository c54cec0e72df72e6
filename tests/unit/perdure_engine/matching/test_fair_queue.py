"""Whose turn it is: shares by weight and cost, order within a key, nobody saves up turns."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from perdure_engine.matching.fair_queue import FairQueue
from perdure_store.port import TransferRow


def row(key: str, task_id: int, *, weight: int = 1000, cost: int = 1) -> TransferRow:
    return TransferRow(0, "run", 2, task_id, 1, task_id, "default", "main", 3, True, 1, b"", b"", "", key, weight, cost)


def queue_of(*rows: TransferRow, weights: dict[str, int] | None = None) -> FairQueue:
    queue = FairQueue(lambda key, weight: (weights or {}).get(key, weight))
    add(queue, *rows)
    return queue


def add(queue: FairQueue, *rows: TransferRow) -> None:
    for one in rows:
        line = queue.open(one.fairness_key)
        line.rows.append(one)
        line.is_read = True


def run(queue: FairQueue, count: int, waiting: tuple[str, ...] = ()) -> str:
    """The keys of the next tasks, which then have had their turn."""
    rows = list(islice(queue.turns(waiting), count))
    for one in rows:
        queue.passed(one)
    return "".join(one.fairness_key for one in rows)


def test_keys_take_turns_however_long_their_lines_are() -> None:
    queue = queue_of(*[row("a", n) for n in range(1, 100)], row("b", 100), row("b", 101))
    assert run(queue, 6) == "ababaa"


def test_a_key_has_its_share_by_weight() -> None:
    queue = queue_of(*[row("a", n, weight=3000) for n in range(60)], *[row("b", n + 100) for n in range(60)])
    assert Counter(run(queue, 40)) == {"a": 30, "b": 10}


def test_a_weight_that_was_set_counts_for_more_than_that_of_the_task() -> None:
    rows = [row(key, n, weight=1000) for n in range(60) for key in "ab"]
    assert Counter(run(queue_of(*rows, weights={"b": 4000}), 50)) == {"b": 40, "a": 10}


def test_what_costs_more_takes_more_of_the_share() -> None:
    queue = queue_of(*[row("a", n, cost=10) for n in range(20)], *[row("b", n + 100) for n in range(60)])
    assert Counter(run(queue, 44)) == {"b": 40, "a": 4}


def test_within_a_key_tasks_keep_their_order() -> None:
    queue = queue_of(row("a", 1), row("b", 2), row("a", 3))
    found = list(queue.turns(()))
    assert [one.task_id for one in found if one.fairness_key == "a"] == [1, 3]
    queue.passed(found[0])
    assert queue.lines["a"].cursors == {0: 1}


def test_who_was_away_begins_at_the_present() -> None:
    queue = queue_of(*[row("a", n) for n in range(50)])
    run(queue, 30)
    add(queue, *[row("b", n + 100) for n in range(20)])
    assert Counter(run(queue, 10)) == {"a": 5, "b": 5}


def test_who_comes_one_at_a_time_gains_nothing() -> None:
    queue = queue_of(*[row("a", n) for n in range(50)])
    order = ""
    for number in range(10):
        add(queue, row("b", 100 + number, cost=3))
        order += run(queue, 2)
        if not queue.lines["b"].rows:
            queue.close("b")
    assert 4 <= order.count("b") <= 6


def test_a_key_that_waited_goes_next_and_saves_up_no_turns() -> None:
    queue = queue_of(*[row("a", n) for n in range(9)], *[row("b", n + 100) for n in range(9)])
    assert run(queue, 4, waiting=("b",)) == "aaaa"
    assert run(queue, 5) == "babab"


def test_the_order_ends_where_the_next_task_is_not_known() -> None:
    queue = queue_of(row("a", 1), row("b", 2), row("b", 3))
    queue.lines["a"].is_read = False
    assert [one.fairness_key for one in queue.turns(())] == ["a"]


def test_what_another_published_costs_its_key_nothing() -> None:
    queue = queue_of(row("a", 1), row("a", 2), row("b", 3))
    queue.passed(queue.lines["a"].rows[0], is_free=True)
    assert run(queue, 2) == "ab"
