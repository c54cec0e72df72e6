"""Schedules: found by their times, and changed by revisions."""

from __future__ import annotations

from perdure_store.port import Store
from perdure_store.schedules import NEVER_US, ScheduleRow


def schedule(schedule_id: str = "s1", **fields: object) -> ScheduleRow:
    row = ScheduleRow("default", schedule_id, 1, 1_000, False, b"what", b"how far")
    return row._replace(**fields)  # type: ignore[arg-type]


async def test_a_schedule_is_created_once_and_forgotten_once(store: Store, calm: None) -> None:
    assert await store.insert_schedule(schedule())
    assert not await store.insert_schedule(schedule(definition=b"another"))
    assert await store.insert_schedule(schedule(namespace="another"))
    assert await store.schedule("default", "s1") == schedule()
    assert await store.delete_schedule("default", "s1")
    assert not await store.delete_schedule("default", "s1")
    assert await store.schedule("default", "s1") is None
    assert await store.schedule("another", "s1") == schedule(namespace="another")


async def test_schedules_are_listed_by_their_ids(store: Store) -> None:
    for row in (schedule("b"), schedule("a"), schedule("c", namespace="another"), schedule("d")):
        await store.insert_schedule(row)
    assert await store.schedules("default", after_id="", limit=2) == [schedule("a"), schedule("b")]
    assert await store.schedules("default", after_id="b", limit=2) == [schedule("d")]


async def test_what_is_due_is_found_in_the_order_of_time(store: Store) -> None:
    later, never = schedule("later", next_us=3_000), schedule("never", next_us=NEVER_US)
    rows = [later, schedule("b"), schedule("a"), schedule("a", namespace="another"), never]
    for row in rows:
        await store.insert_schedule(row)
    first = await store.due_schedules(3_000, after=None, limit=2)
    assert first == [schedule("a", namespace="another"), schedule("a")]
    assert await store.due_schedules(3_000, after=first[-1], limit=9) == [schedule("b"), later]
    assert await store.due_schedules(999, after=None, limit=9) == []


async def test_those_that_wait_are_found(store: Store) -> None:
    waiting = [schedule(name, waits=True, next_us=NEVER_US) for name in ("a", "b", "c")]
    for row in (schedule("idle"), *waiting):
        await store.insert_schedule(row)
    assert await store.waiting_schedules(after=None, limit=2) == waiting[:2]
    assert await store.waiting_schedules(after=waiting[1], limit=2) == waiting[2:]


async def test_progress_is_noted_by_revisions_and_what_a_schedule_is_stays(store: Store, calm: None) -> None:
    for name in ("a", "b", "c"):
        await store.insert_schedule(schedule(name))
    further = [
        schedule("b", revision=2, next_us=5, waits=True, progress=b"further", definition=b"ignored"),
        schedule("a", revision=3),
        schedule("c", revision=2, next_us=7),
        schedule("unknown", revision=2),
    ]
    assert await store.update_schedules(further) == {("default", "b"), ("default", "c")}
    assert await store.schedule("default", "b") == further[0]._replace(definition=b"what")
    assert await store.schedule("default", "a") == schedule("a")
    assert await store.schedule("default", "c") == schedule("c", revision=2, next_us=7)
    assert await store.update_schedules([]) == set()


async def test_what_a_schedule_is_changes_by_revisions(store: Store, calm: None) -> None:
    await store.insert_schedule(schedule())
    changed = schedule(revision=2, next_us=NEVER_US, waits=True, definition=b"another", progress=b"nowhere")
    assert await store.redefine_schedule(changed)
    assert not await store.redefine_schedule(changed._replace(definition=b"too late"))
    assert not await store.redefine_schedule(schedule("unknown", revision=2))
    assert await store.schedule("default", "s1") == changed
