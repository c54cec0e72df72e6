"""Calls the tasks of the shop, and prints what comes of them."""

import os
import sys
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from celery.exceptions import MaxRetriesExceededError, TaskRevokedError, TimeoutError
from celery.result import AsyncResult

import shop

WAIT = 60
FOLDER = sys.argv[1]


def wait_until(look):
    deadline = time.monotonic() + WAIT
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def raised(function, *args, **kwargs):
    try:
        return "returned", function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, error.args


def first_steps():
    print(shop.add(1, 2), shop.add.delay(4, 4).get(timeout=WAIT), shop.add.delay(4).get(WAIT))
    result = shop.add.apply_async((1,), {"y": 2})
    print(result.get(timeout=WAIT), result.state, result.status, result.successful(), result.failed(), result.ready())
    known = AsyncResult(result.id, app=shop.app)
    print(known.result, known.info, known.traceback, known == result)
    print(raised(shop.add.delay(1, 1).get, timeout=WAIT))
    print(shop.app.send_task("shop.add", (5, 6)).get(timeout=WAIT), shop.add.name, shop.app.tasks["shop.add"].name)
    print(raised(shop.add.delay)[0], raised(shop.add.delay, 1, 2, 3)[0])
    print(shop.forgetful.delay().get(timeout=WAIT), shop.with_options.delay().get(timeout=WAIT))
    nobody = AsyncResult("nobody", app=shop.app)
    print(nobody.state, nobody.result, nobody.ready(), raised(nobody.get, timeout=0.1)[0])


def requests():
    said = shop.about_me.apply_async(("a",), {"b": 1}, task_id="me", headers={"tenant": "acme"}, time_limit=50)
    print(sorted(said.get(timeout=WAIT).items()))
    print(sorted(shop.about_me.apply(("x",), task_id="here").get().items())[2:8])
    print(shop.make_report.delay(title="sales").get(timeout=WAIT))
    path = os.path.join(FOLDER, "family")
    shop.parent.delay(path).get(timeout=WAIT)
    wait_until(lambda: os.path.exists(path))
    with open(path) as file:
        print(file.read())


def values():
    for value in (
        "text",
        None,
        1.5,
        [1, [2]],
        (1, 2),
        {"a": {"b": None}},
        datetime(2026, 11, 20, 12, 30, tzinfo=timezone.utc),
        Decimal("1.10"),
        UUID(int=7),
        b"bytes",
    ):
        print(shop.same.delay(value).get(timeout=WAIT))
    print(shop.later_than.delay(datetime(2026, 11, 20, tzinfo=timezone.utc)).get(timeout=WAIT))


def failures():
    result = shop.divide.delay(1, 0)
    try:
        result.get(timeout=WAIT)
    except ZeroDivisionError as error:
        print("caught", error)
    print(result.state, result.failed(), repr(result.result), "in divide" in result.traceback)
    print(repr(result.get(propagate=False)))
    try:
        shop.hopeless.delay("vase").get(timeout=WAIT)
    except shop.OutOfStock as error:
        print("caught", error.args)
    print(raised(shop.picky.delay().get, timeout=WAIT))
    eager = shop.divide.apply((1, 0))
    print(eager.state, repr(eager.result), raised(eager.get)[0])


def retries():
    print(shop.charge.apply_async(("order 1", 2), task_id="charge 1").get(timeout=WAIT))
    print(shop.halve.delay(8).get(timeout=WAIT))
    try:
        shop.give_up.delay().get(timeout=WAIT)
    except MaxRetriesExceededError as error:
        print("caught", "Can't retry shop.give_up" in str(error))
    print(shop.charge.apply(("here", 3)).get())


def limits():
    killed, told = shop.takes_too_long.delay(), shop.cleans_up.delay()
    print(raised(killed.get, timeout=WAIT)[0], killed.state)
    print(told.get(timeout=WAIT))


def states():
    path = os.path.join(FOLDER, "go")
    work = shop.long_work.delay(path)
    wait_until(lambda: work.state == "PROGRESS")
    print(work.state, sorted(work.info.items()), work.ready(), raised(work.get, timeout=0.1)[0])
    open(path, "w").close()
    print(work.get(timeout=WAIT))
    given_up = shop.own_state.delay()
    wait_until(lambda: given_up.state == "GIVEN_UP")
    print(given_up.state, given_up.info)


def times():
    began, soon = time.monotonic(), datetime.now(timezone.utc) + timedelta(seconds=1)
    counted = shop.add.apply_async((1, 1), countdown=1)
    timed = shop.add.apply_async((1, 2), eta=soon)
    expired = shop.add.apply_async((1, 3), countdown=2, expires=1)
    revoked = shop.add.apply_async((1, 4), countdown=2)
    waiting = shop.add.apply_async((1, 5), countdown=3600)
    revoked.revoke()
    print(counted.get(timeout=WAIT), time.monotonic() - began >= 0.9)
    print(timed.get(timeout=WAIT), datetime.now(timezone.utc) >= soon)
    for result in (expired, revoked):
        try:
            result.get(timeout=WAIT)
        except TaskRevokedError as error:
            print("caught", error, result.state)
    try:
        waiting.get(timeout=0.1)
    except TimeoutError:
        print("caught", waiting.state)
    shop.app.control.revoke(waiting.id)


PARTS = first_steps, requests, values, failures, retries, limits, states, times

if __name__ == "__main__":
    for part in PARTS:
        print(f"# {part.__name__}")
        part()
