"""Publishing: what an engine is asked for, by what a call, a task, routes and settings say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from perdure.compat.celery import Celery, signals
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.message import unpack
from perdure.compat.celery.publishing import Publishing, expiry, moment, priority_of

app = Celery("publishing", set_as_current=False)


@app.task(queue="own", time_limit=9)
def owned() -> None: ...


@app.task
def plain(*args: Any, **kwargs: Any) -> None: ...


def input_of(name: str, *args: Any, **options: Any) -> Any:
    return Publishing(app, name, args, {}, options).input()


def test_a_plain_call() -> None:
    input = input_of(plain.name, 1, "a")
    assert (input.activity_type, input.args, input.task_queue) == (plain.name, [1, "a"], "celery")
    assert (input.is_new_id, input.start_delay, input.start_to_close_timeout, input.headers) == (True, None, None, {})
    assert input.result_ttl is None
    assert input.priority.priority_key == 1


def test_the_queue() -> None:
    app.conf.task_routes = {"publishing.*": "routed", plain.name: "routed", owned.name: "routed"}
    assert input_of(plain.name, queue="said").task_queue == "said"
    assert input_of(owned.name).task_queue == "own"
    assert input_of(plain.name).task_queue == "routed"
    assert input_of("publishing.far").task_queue == "routed"
    del app.conf["task_routes"]
    assert input_of(plain.name).task_queue == "celery"


def test_times() -> None:
    input = input_of(plain.name, countdown=60, expires=90, time_limit=5)
    assert timedelta(seconds=59) < input.start_delay <= timedelta(seconds=60)
    assert timedelta(seconds=29) < input.schedule_to_start_timeout <= timedelta(seconds=30)
    assert input.start_to_close_timeout == timedelta(seconds=5)
    extras = unpack(input.args).extras
    assert extras["expires"] - extras["eta"] < timedelta(seconds=31)
    assert input_of(owned.name).start_to_close_timeout == timedelta(seconds=9)
    app.conf.result_expires = 60
    assert input_of(plain.name).result_ttl == timedelta(seconds=60)
    del app.conf["result_expires"]


def test_moments_without_a_zone_are_of_the_application() -> None:
    zone = ZoneInfo("Asia/Tokyo")
    naive = datetime(2026, 1, 1, 12)
    assert moment(naive, zone) == naive.replace(tzinfo=zone)
    assert moment("2026-01-01T12:00:00+00:00", zone) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert moment(None, zone) is None
    assert expiry(naive, zone) == naive.replace(tzinfo=zone)
    assert expiry(timedelta(days=1), zone) is not None
    with pytest.raises(ImproperlyConfigured, match="give a datetime"):
        moment(3, zone)


def test_an_id_of_ones_own() -> None:
    input = input_of(plain.name, task_id="mine")
    assert (input.id, input.is_new_id) == ("mine", False)


def test_a_task_that_starts_others_is_their_parent() -> None:
    @app.task(bind=True, name="publishing.parent")
    def parent(self: Any) -> Any:
        return unpack(input_of(plain.name).args).extras

    assert parent.apply(task_id="p", root_id="r").get() == {"parent_id": "p", "root_id": "r"}


def test_receivers_may_add_headers() -> None:
    def add_header(sender: str, headers: dict[str, Any], **_known: Any) -> None:
        headers["trace"] = headers["id"]

    signals.before_task_publish.connect(add_header, sender=plain.name)
    try:
        sent = Publishing(app, plain.name, (1,), {}, {"task_id": "me", "headers": {"a": 1}})
        sent._announce()
    finally:
        signals.before_task_publish.disconnect(add_header, sender=plain.name)
    assert unpack(sent.input().args).extras["headers"] == {"a": 1, "trace": "me"}


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"routing_key": "a"}, "give queue="),
        ({"countdown": 1, "eta": datetime(2026, 1, 1)}, "either countdown= or eta="),
        ({"priority": 10}, r"0 \(first\) to 9 \(last\)"),
        ({"countdwon": 1}, "give those of countdown"),
        ({"serializer": "yaml"}, "travel as JSON"),
    ],
)
def test_what_would_be_missed_is_refused(options: Any, cure: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=cure):
        input_of(plain.name, **options)
    assert priority_of(None) == 0
