"""An application of Celery: first steps, retries, routing, states, classes of tasks, signals. It is run under both
libraries, and only its import lines differ."""

import os
import time
from datetime import timedelta

from celery import Celery, Task, shared_task
from celery.exceptions import Ignore, SoftTimeLimitExceeded
from celery.schedules import crontab
from celery.signals import task_failure, task_prerun, task_retry, task_success
from celery.utils.log import get_task_logger

logger = get_task_logger(__name__)

app = Celery("shop", broker=os.environ["SHOP_BROKER"], backend=os.environ["SHOP_BROKER"])
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    timezone="Europe/Berlin",
    result_expires=3600,
    task_routes={"shop.make_*": {"queue": "reports"}},
    worker_concurrency=2,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    beat_schedule={
        "yearly": {
            "task": "shop.tick",
            "schedule": crontab(minute=0, hour=4, day_of_month=1, month_of_year=1),
            "args": (os.environ["SHOP_JOURNAL"] + ".years",),
        },
    },
)
JOURNAL = os.environ["SHOP_JOURNAL"]


@app.on_after_configure.connect
def set_up_periodic_tasks(sender, **kwargs):
    sender.add_periodic_task(1.0, tick.s(JOURNAL + ".ticks"), name="tick", expires=10)


def write(line):
    with open(JOURNAL, "a") as journal:
        journal.write(line + "\n")


class OutOfStock(Exception):
    """Of this application."""


class Journaled(Task):
    abstract = True

    def on_success(self, retval, task_id, args, kwargs):
        write(f"on_success {self.name} {retval} {list(args)} {kwargs}")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        write(f"on_failure {self.name} {exc!r} {'Traceback' in str(einfo)}")

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        write(f"on_retry {self.name} {exc!r}")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        write(f"after_return {self.name} {status}")


def watched(sender):
    return sender is not None and sender.name == "shop.charge"


@task_prerun.connect
def before(sender=None, task_id=None, **kwargs):
    if watched(sender):
        write(f"prerun {task_id}")


@task_success.connect
def succeeded(sender=None, result=None, **kwargs):
    if watched(sender):
        write(f"success {result}")


@task_retry.connect
def again(sender=None, request=None, reason=None, **kwargs):
    if watched(sender):
        write(f"retry {request.id} {request.retries}")


@task_failure.connect
def failed(sender=None, task_id=None, exception=None, **kwargs):
    if sender is not None and sender.name == "shop.hopeless":
        write(f"failure {exception!r}")


@app.task
def add(x, y=10):
    return x + y


@shared_task(name="shop.divide")
def divide(x, y):
    return x / y


@app.task(bind=True)
def about_me(self, *args, **kwargs):
    request = self.request
    return {
        "args": request.args,
        "kwargs": request.kwargs,
        "id": request.id,
        "retries": request.retries,
        "is_root": request.root_id == request.id and request.parent_id is None,
        "queue": request.delivery_info["routing_key"],
        "tenant": request.headers.get("tenant") if request.headers else None,
        "task": request.task,
        "name": self.name,
        "eager": request.is_eager,
        "directly": request.called_directly,
        "limits": list(request.timelimit or ()),
    }


@app.task(bind=True)
def make_report(self, *, title):
    return [title, self.request.delivery_info["routing_key"]]


@app.task(bind=True, base=Journaled, max_retries=5, default_retry_delay=1)
def charge(self, order, succeed_at):
    if self.request.retries < succeed_at:
        raise self.retry(exc=ConnectionError("the bank is away"), countdown=0.1)
    return f"{order} charged in attempt {self.request.retries + 1}"


@app.task(base=Journaled, autoretry_for=(OutOfStock,), retry_kwargs={"max_retries": 2, "countdown": 0.1})
def hopeless(what):
    raise OutOfStock(what, 3)


@app.task(autoretry_for=(Exception,), dont_autoretry_for=(KeyError,), retry_backoff=True, retry_jitter=True)
def picky():
    raise KeyError("not worth it")


@app.task(bind=True, max_retries=1)
def give_up(self):
    self.retry(countdown=0.1)


@app.task(bind=True, max_retries=4)
def halve(self, number, *, steps=0):
    if number > 1:
        raise self.retry(args=(number // 2,), kwargs={"steps": steps + 1}, countdown=0.1)
    return [number, steps]


@app.task(bind=True)
def long_work(self, path):
    self.update_state(state="PROGRESS", meta={"current": 3, "total": 7})
    while not os.path.exists(path):
        time.sleep(0.05)
    return "worked"


@app.task(bind=True)
def own_state(self):
    self.update_state(state="GIVEN_UP", meta={"why": "reasons"})
    raise Ignore()


@app.task(soft_time_limit=1)
def cleans_up():
    try:
        for _ in range(600):
            time.sleep(0.1)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@app.task(time_limit=1)
def takes_too_long():
    for _ in range(600):
        time.sleep(0.1)


@app.task(ignore_result=True)
def forgetful():
    return "something"


@app.task
def same(value):
    return value, type(value).__name__


@app.task
def later_than(moment):
    return moment + timedelta(days=1)


@app.task(bind=True)
def parent(self, path):
    write_family.delay(path, self.request.id)


@app.task(bind=True)
def write_family(self, path, of):
    with open(path + ".part", "w") as file:
        file.write(f"{self.request.parent_id == of} {self.request.root_id == of}")
    os.rename(path + ".part", path)


@app.task(acks_late=True, priority=3, expires=3600)
def with_options():
    return "kept"


@app.task
def total(numbers):
    return sum(numbers)


def leave(path, text):
    with open(path + ".part", "w") as file:
        file.write(text)
    os.rename(path + ".part", path)


@app.task
def note(result, path):
    leave(path, f"result {result}")


@app.task
def note_error(request, exc, traceback, path):
    leave(path, f"{request.task} {exc!r} {'divide' in traceback}")


@app.task
def tick(path):
    with open(path, "a") as file:
        file.write("tick\n")
