"""Tasks that a transaction enqueues are those that `delay` and `apply_async` enqueue at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure import task
from perdure.outbox import Outbox
from perdure.protocol.activity_executions import StartActivity
from tests.unit.perdure.client.greeting import CONVERTER
from tests.unit.perdure.outbox.connections import KeepingAsyncConnection, KeepingConnection


@task(queue="mails", time_limit=30)
def mail(to: str, subject: str = "hello") -> str:
    return f"{subject}, {to}"


def kept(connection: KeepingConnection | KeepingAsyncConnection) -> StartActivity:
    request = connection.record.request
    assert isinstance(request, StartActivity)
    return request


def test_delay() -> None:
    connection = KeepingConnection()
    started = Outbox().delay(connection, mail, "ada", subject="news")
    request = kept(connection)
    assert (request.activity_id, request.activity_type, request.task_queue) == (started.id, "mail", "mails")
    assert request.request_id == "", "its id says already whose it is"
    assert request.options.start_to_close_timeout_ms == 30_000
    assert CONVERTER.from_bytes(request.input, [str, str]) == ["ada", "news"]
    assert Outbox().delay(connection, mail, "ada").id != started.id


async def test_apply_async_on_an_asynchronous_connection() -> None:
    connection = KeepingAsyncConnection()
    started = await Outbox().apply_async(
        connection, mail, ("ada",), {"subject": "news"}, countdown=timedelta(seconds=5), task_id="m-1", queue="slow"
    )
    request = kept(connection)
    assert (started.id, started.task_queue, request.start_delay_ms) == ("m-1", "slow", 5_000)
    assert request.request_id == started.request_id != ""


def test_mistakes_are_told_before_anything_is_written() -> None:
    connection = KeepingConnection()
    with pytest.raises(TypeError, match="subjekt"):
        Outbox().delay(connection, mail, "ada", subjekt="x")  # type: ignore[call-overload]
    assert connection.given == []
