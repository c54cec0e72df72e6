"""What an `Outbox` writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.outbox import Outbox
from perdure.outbox.statements import statement
from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.requests import StartWorkflow
from tests.unit.perdure.client.greeting import CONVERTER, Greet
from tests.unit.perdure.client.mails import MINUTE, send
from tests.unit.perdure.outbox.connections import KeepingAsyncConnection, KeepingConnection

OPTIONS: Any = {"id": "one", "task_queue": "q"}


def test_a_workflow() -> None:
    connection = KeepingConnection()
    started = Outbox(namespace="shop", identity="till").start_workflow(connection, Greet.run, "ada", **OPTIONS)
    [(text, row)] = connection.given
    assert text == statement("enqueue")
    assert (started.kind, started.namespace, started.id, started.type) == ("workflow", "shop", "one", "Greeting")
    assert {name: row[name] for name in ("kind", "namespace", "execution_id", "type", "task_queue", "request_id")} == {
        "kind": "workflow",
        "namespace": "shop",
        "execution_id": "one",
        "type": "Greeting",
        "task_queue": "q",
        "request_id": started.request_id,
    }
    request = connection.record.request
    assert isinstance(request, StartWorkflow)
    assert (request.identity, request.request_id, request.wait_result) == ("till", started.request_id, False)
    assert CONVERTER.from_bytes(request.input, [str]) == ["ada"]


async def test_an_activity_on_an_asynchronous_connection() -> None:
    connection = KeepingAsyncConnection()
    delay = timedelta(seconds=5)
    starting = Outbox().start_activity(
        connection, send, args=["ada", 2], start_to_close_timeout=MINUTE, start_delay=delay, **OPTIONS
    )
    assert not connection.given, "nothing is written before it is awaited"
    started = await starting
    request = connection.record.request
    assert isinstance(request, StartActivity)
    assert (request.activity_id, request.activity_type, request.start_delay_ms) == ("one", started.type, 5_000)
    assert request.options.start_to_close_timeout_ms == 60_000


def test_the_namespace_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_NAMESPACE", "bakery")
    assert Outbox().start_workflow(KeepingConnection(), Greet.run, "ada", **OPTIONS).namespace == "bakery"
    with pytest.raises(ValueError, match="the namespace"):
        Outbox(namespace="a\0b")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"id": ""}, ValueError, "the workflow id must not be empty"),
        ({"cron_schedule": "nonsense"}, ValueError, "cron"),
        ({"arg": object()}, TypeError, "object"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    connection = KeepingConnection()
    with pytest.raises(error, match=message):
        Outbox().start_workflow(connection, Greet.run, **{"arg": "ada", **OPTIONS, **options})
    assert connection.given == []


async def test_who_does_not_notify_tells_by_a_call() -> None:
    outbox = Outbox(notify=False)
    connection, asynchronous = KeepingConnection(), KeepingAsyncConnection()
    outbox.start_workflow(connection, Greet.run, "ada", **OPTIONS)
    outbox.notify(connection)
    await outbox.notify(asynchronous)
    assert [text for text, _ in connection.given] == [statement("enqueue_silently"), statement("notify")]
    assert asynchronous.given == [(statement("notify"), {})]
