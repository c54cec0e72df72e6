"""Entries of `beat_schedule` as schedules, and what cannot be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.client import ScheduleActionStartActivity, ScheduleIntervalSpec, ScheduleOverlapPolicy
from perdure.compat.celery import Celery, beat, chain
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.schedules import UnsupportedSchedule, crontab, schedule


@pytest.fixture
def app() -> Celery:
    app = Celery("shop")

    @app.task(name="shop.add", queue="sums", time_limit=60, soft_time_limit=50)
    def add(x: int, y: int, z: int = 0) -> int:
        return x + y + z

    return app


def entry(**changes: Any) -> dict[str, Any]:
    return {"task": "shop.add", "schedule": 30.0, "args": (1, 2), **changes}


def test_entries_become_schedules(app: Celery) -> None:
    app.conf.timezone = "Europe/Berlin"
    app.conf.beat_schedule = {
        "often": entry(options={"expires": 10, "priority": 8}),
        "at nine": entry(schedule=crontab(minute=0, hour=9), kwargs={"z": 1}),
    }
    made = beat.schedules_of(app)
    assert list(made) == ["shop.often", "shop.at nine"]
    often = made["shop.often"]
    assert isinstance(often.action, ScheduleActionStartActivity)
    assert (often.action.activity, often.action.task_queue, often.action.id) == ("shop.add", "sums", "shop.often")
    assert list(often.action.args)[:2] == [1, 2]
    assert often.action.schedule_to_start_timeout == timedelta(seconds=10)
    assert often.action.start_to_close_timeout == timedelta(seconds=60)
    assert often.action.priority.priority_key == 5
    assert often.spec.intervals == [ScheduleIntervalSpec(timedelta(seconds=30))]
    assert often.policy.overlap == ScheduleOverlapPolicy.ALLOW_ALL
    assert often.policy.catchup_window == timedelta(seconds=30)
    nine = made["shop.at nine"]
    assert (nine.spec.time_zone_name, nine.policy.catchup_window) == ("Europe/Berlin", timedelta(days=1))
    assert nine.spec.calendars[0].comment == "0 9 * * *"
    assert list(nine.action.args)[-1]["__celery__"]["kwargs"] == {"z": 1}  # type: ignore[attr-defined]


def test_how_late_a_run_may_be(app: Celery) -> None:
    assert beat.schedule_of(app, "x", entry(schedule=1)).policy.catchup_window == timedelta(seconds=10)
    app.conf.beat_cron_starting_deadline = 300
    assert beat.schedule_of(app, "x", entry()).policy.catchup_window == timedelta(minutes=5)


def test_periodic_tasks_are_added(app: Celery) -> None:
    add = app.tasks["shop.add"]
    assert app.add_periodic_task(10.0, add.s(1), args=(2,), expires=5) == "shop.add(2, 1)"
    app.add_periodic_task(crontab(), add.si(1, 2).set(queue="slow"), name="named")
    made = beat.schedules_of(app)
    assert list(made) == ["shop.shop.add(2, 1)", "shop.named"]
    assert made["shop.named"].action.task_queue == "slow"  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="a periodic task is one"):
        app.add_periodic_task(10.0, chain(add.s(1, 2), add.s(3)))
    with pytest.raises(UnsupportedSchedule, match=r"entry 'shop.add\(1, 2\)'.*whole seconds"):
        app.add_periodic_task(0.5, add.s(1, 2))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"task": "shop.add"}, "lacks its task or its schedule"),
        (entry(every=3), "has every; it may have args"),
        (entry(schedule="* * * * *"), "seconds, a timedelta, crontab or schedule"),
        (entry(options={"countdown": 3}), "has the option countdown"),
        (entry(options={"expires": datetime(2027, 1, 1, tzinfo=UTC)}), "give seconds"),
        (entry(options={"exchange": "x"}), "no exchanges"),
        (entry(args=(1,)), "entry 'x' of beat_schedule: .*missing a required argument: 'y'"),
    ],
)
def test_what_cannot_be(app: Celery, wrong: Any, told: str) -> None:
    with pytest.raises((ImproperlyConfigured, UnsupportedSchedule, TypeError), match=told):
        beat.schedule_of(app, "x", wrong)


def test_the_clock_of_some_machine_is_refused(app: Celery) -> None:
    app.conf.enable_utc = False
    with pytest.raises(ImproperlyConfigured, match=r"app.conf.timezone = 'Europe/Berlin'"):
        beat.schedule_of(app, "x", entry())


def test_schedules_themselves_may_stand_in_an_entry(app: Celery) -> None:
    made = beat.schedule_of(app, "x", entry(schedule=schedule(timedelta(hours=1)), relative=True))
    assert made.spec.intervals == [ScheduleIntervalSpec(timedelta(hours=1))]
