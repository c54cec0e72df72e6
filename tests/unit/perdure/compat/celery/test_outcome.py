"""Outcomes: Celery's names for how a task stands, and what belongs to each."""

from __future__ import annotations

from typing import Any

from perdure.compat.celery import Celery, states
from perdure.compat.celery.activity import IGNORED
from perdure.compat.celery.exceptions import TaskRevokedError, TimeLimitExceeded, WorkerLostError
from perdure.compat.celery.failures import failure_of
from perdure.compat.celery.outcome import UNKNOWN, look_up, of_failure, of_result, told_exception
from perdure.exceptions import TerminatedError, TimeoutError, TimeoutType
from tests.unit.perdure.compat.celery.stage import at_work, cluster_for, off
from tests.waiting import wait_until

app = Celery("outcome", set_as_current=False)


@app.task(bind=True, max_retries=1)
def later(self: Any) -> None:
    raise self.retry(exc=KeyError("busy"), countdown=3_600)


async def test_an_open_one() -> None:
    async with cluster_for(app) as client:
        sent = await off(app.send_task, "outcome.far", countdown=3_600)
        found = await look_up(app, sent.id, client)
        assert (found.status, found.name, found.queue) == (states.PENDING, "outcome.far", "celery")
        assert await look_up(app, "nobody", client) is UNKNOWN


async def test_one_that_waits_for_its_next_attempt() -> None:
    async with at_work(app) as client:
        sent = await off(later.delay)

        async def is_seen() -> bool:
            return (await look_up(app, sent.id, client)).status == states.RETRY

        await wait_until(is_seen, what="it is tried again")
        found = await look_up(app, sent.id, client)
        assert (type(found.result), found.retries, found.is_ready) == (KeyError, 1, False)
        assert await off(lambda: (sent.state, sent.retries)) == (states.RETRY, 1)


def test_results() -> None:
    assert of_result([1], {}).result == [1]
    ignored = of_result({IGNORED: {"state": "HALF", "meta": {"a": 1}}}, {})
    assert (ignored.status, ignored.result) == ("HALF", {"a": 1})
    failed = of_result({IGNORED: {"state": "FAILURE", "meta": {"exc_type": "ValueError", "exc_message": "m"}}}, {})
    assert (failed.status, type(failed.result).__name__, failed.result.args) == ("FAILURE", "ValueError", ("m",))
    assert told_exception("FAILURE", {"exc_type": "E", "exc_message": ["a", "b"]}).args == ("a", "b")
    assert told_exception("PROGRESS", {"exc_type": "E"}) == {"exc_type": "E"}


def test_failures() -> None:
    def timeout(kind: TimeoutType) -> TimeoutError:
        return TimeoutError("t", type=kind, last_heartbeat_details=())

    cases: list[tuple[Any, str, type[BaseException]]] = [
        (failure_of(KeyError("k")), states.FAILURE, KeyError),
        (timeout(TimeoutType.START_TO_CLOSE), states.FAILURE, TimeLimitExceeded),
        (timeout(TimeoutType.HEARTBEAT), states.FAILURE, WorkerLostError),
        (timeout(TimeoutType.SCHEDULE_TO_START), states.REVOKED, TaskRevokedError),
        (TerminatedError("t"), states.REVOKED, TaskRevokedError),
    ]
    for error, status, kind in cases:
        found = of_failure(error, {}, None)
        assert (found.status, type(found.result)) == (status, kind)
    assert of_failure(None, {}, None).status == states.FAILURE
