"""`app.conf`: taken from anywhere, asked for by any name, and refused where it would be missed."""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from perdure.compat.celery.conf import Settings
from perdure.compat.celery.exceptions import ImproperlyConfigured, SecurityError


def test_a_mapping_and_attributes() -> None:
    conf = Settings()
    assert conf.task_default_queue == "celery"
    assert conf["result_expires"] == timedelta(days=1)
    conf.task_default_queue = "mine"
    conf.update(task_acks_late=True, CELERY_TIMEZONE="Europe/Berlin")
    assert (conf["task_default_queue"], conf.task_acks_late, conf.tz) == ("mine", True, ZoneInfo("Europe/Berlin"))
    assert conf.is_set("timezone")
    assert not conf.is_set("task_routes")
    del conf["timezone"]
    assert conf.tz is UTC
    assert "task_routes" in conf
    assert len(conf) == len(list(conf))
    assert "task_acks_late" in repr(conf)
    with pytest.raises(AttributeError, match="no setting 'odd'"):
        conf.odd  # noqa: B018


def test_names_of_before_celery_4() -> None:
    conf = Settings()
    conf.take({"CELERY_ALWAYS_EAGER": True, "BROKER_URL": "redis://h", "CELERYD_CONCURRENCY": 3})
    assert (conf.task_always_eager, conf.broker_url, conf.worker_concurrency) == (True, "redis://h", 3)


def test_from_an_object_with_a_namespace() -> None:
    conf = Settings()
    conf.take(SimpleNamespace(CELERY_TASK_ACKS_LATE=True, DEBUG=True, TASK_ALWAYS_EAGER=True), "CELERY")
    assert (conf.task_acks_late, conf.task_always_eager) == (True, False)
    conf.take(SimpleNamespace(task_always_eager=True, os="a module"))
    assert conf.task_always_eager


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("task_queue_max_priority", 10, "turn your priorities round"),
        ("task_default_rate_limit", "10/m", "perdure queue set QUEUE --rate"),
        ("worker_pool", "gevent", "perdure.task"),
        ("task_acks_on_failure_or_timeout", False, "autoretry_for"),
    ],
)
def test_what_would_be_missed_is_refused(name: str, value: object, cure: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=cure):
        Settings()[name] = value


def test_pickle_is_refused() -> None:
    for name, value in (("task_serializer", "pickle"), ("accept_content", ["json", "pickle"])):
        with pytest.raises(SecurityError, match="Pickle runs the code"):
            Settings()[name] = value
    Settings()["accept_content"] = ["json", "msgpack"]
    with pytest.raises(ZoneInfoNotFoundError):
        Settings()["timezone"] = "Nowhere/At_all"


def test_an_unknown_one_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    conf = Settings()
    with caplog.at_level(logging.WARNING):
        conf.worker_prefetch_multiplier = 1
        conf.task_queue_max_priority = None
        assert not caplog.text
        conf.worker_concurency = 4
    assert "worker_concurency is no setting of Celery's that Perdure knows" in caplog.text
    assert conf.worker_concurency == 4
