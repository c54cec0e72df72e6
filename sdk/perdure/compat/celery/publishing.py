"""From a call of a task to the activity that an engine is asked for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from perdure.client import Client, StartActivityInput
from perdure.compat.celery import message, signals
from perdure.compat.celery.context import origin, running
from perdure.compat.celery.exceptions import ImproperlyConfigured, SecurityError
from perdure.compat.celery.policies import PRIORITY_LAST, options_of
from perdure.compat.celery.routes import queue_name, route_of
from perdure.compat.celery.settings import JSON_FAMILY
from perdure.exceptions import ActivityAlreadyStartedError
from perdure.tasks.enqueuing import AT_ONCE_MAX, Call, input_of

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

_HONOURED = """
countdown eta expires queue priority task_id headers link link_error time_limit soft_time_limit ignore_result root_id
parent_id
"""
HONOURED = frozenset(_HONOURED.split())
"""Options of a call that mean something."""

_WITHOUT_EFFECT = """
retry retry_policy connection producer router result_cls add_to_parent shadow argsrepr kwargsrepr task_type
compression delivery_mode immediate mandatory publisher stamped_headers replaced_task_nesting group_id group_index
chord exchange_type declare
"""
WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT.split())
"""Options of machinery that is not here: taken, and nobody misses them."""

_CURES = {
    "routing_key": "give queue=: there are task queues, and no exchanges",
    "exchange": "give queue=: there are task queues, and no exchanges",
    "reply_to": "ask for the result by its id: app.AsyncResult(task_id)",
}


class Publishing:
    """One call on its way. Making it checks its options.

    Raises:
        ImproperlyConfigured: an option would be missed, or is out of its range.
    """

    def __init__(
        self, app: Celery, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        self._app = app
        self.name = name
        task = app.tasks.get(name)
        given = {key: value for key, value in options.items() if value is not None}
        if task is not None:
            given = {**task.exec_options(), **given}
        given = {**route_of(app.conf.task_routes, name, args, kwargs, given, task), **given}
        check(given)
        self.task_id: str = given.get("task_id") or str(uuid.uuid4())
        self._is_new_id = "task_id" not in given
        self._headers: dict[str, Any] = dict(given.get("headers") or {})
        self.queue = queue_name(given.get("queue") or app.conf.task_default_queue)
        self._priority = priority_of(given.get("priority", app.conf.task_default_priority))
        zone = app.conf.tz
        self._countdown = given.get("countdown")
        self._eta = moment(given.get("eta"), zone)
        self._expires = expiry(given.get("expires"), zone)
        self._args, self._kwargs, self._given = args, kwargs, given
        self._policy = (
            bool(app.conf.task_acks_late if task is None else task.acks_late),
            bool(app.conf.task_reject_on_worker_lost if task is None else task.reject_on_worker_lost),
        )

    def send(self) -> None:
        """Have an engine keep it; it is durable when this returns. What has its id already is not started again.

        Raises:
            RPCError: no engine confirmed it in time.
        """
        self.announce()
        self._app.cluster.wait(self.start)
        self.announced()

    def announce(self) -> None:
        """Tell receivers that it is about to be sent."""
        if signals.before_task_publish.receivers:
            self._announce()

    def announced(self) -> None:
        """Tell receivers that it was sent."""
        if signals.after_task_publish.receivers:
            signals.after_task_publish.send(
                sender=self.name,
                headers=self._all_headers(),
                body=(self._args, self._kwargs, {}),
                exchange="",
                routing_key=self.queue,
            )

    def input(self) -> StartActivityInput:
        """What a client is asked for."""
        given, conf = self._given, self._app.conf
        late, reject = self._policy
        options = options_of(
            self.queue,
            late,
            reject,
            _seconds(given.get("time_limit", conf.task_time_limit)),
            self._priority,
            _seconds(conf.result_expires) if conf.is_set("result_expires") else None,
        )
        arguments = message.pack(self._args, self._kwargs, self._extras())
        call = Call(
            self.name,
            arguments,
            None,
            options,
            countdown=self._countdown,
            eta=self._eta,
            expires=self._expires,
            task_id=self.task_id,
        )
        input = input_of(call)
        input.is_new_id = self._is_new_id
        return input

    async def start(self, client: Client) -> None:
        """Have an engine keep it."""
        try:
            await client._connection.calls.start_activity(self.input())
        except ActivityAlreadyStartedError:
            return  # the task that has the id is the one that is meant

    def _extras(self) -> Mapping[str, Any]:
        given, stack = self._given, running.get()
        extras: dict[str, Any] = {}
        if stack:
            request = stack[-1][1]
            extras["parent_id"], extras["root_id"] = request.id, request.root_id or request.id
        for name in ("root_id", "parent_id", "link", "link_error", "ignore_result", "soft_time_limit"):
            if name in given:
                extras[name] = given[name]
        if self._eta is not None:
            extras["eta"] = self._eta
        elif self._countdown is not None:
            extras["eta"] = datetime.now(UTC) + timedelta(seconds=_seconds(self._countdown) or 0)
        if self._expires is not None:
            extras["expires"] = self._expires
        if self._headers:
            extras["headers"] = self._headers
        return extras

    def _announce(self) -> None:
        """Receivers may add headers."""
        headers = self._all_headers()
        known = set(headers)
        signals.before_task_publish.send(
            sender=self.name,
            body=(self._args, self._kwargs, {}),
            exchange="",
            routing_key=self.queue,
            declare=[],
            headers=headers,
            properties={"correlation_id": self.task_id, "priority": self._given.get("priority")},
            retry_policy=None,
        )
        self._headers.update({key: value for key, value in headers.items() if key not in known})

    def _all_headers(self) -> dict[str, Any]:
        return {
            "lang": "py",
            "task": self.name,
            "id": self.task_id,
            "root_id": self.task_id,
            "parent_id": None,
            **self._extras(),
            "argsrepr": repr(self._args),
            "kwargsrepr": repr(self._kwargs),
            "origin": origin(),
            **self._headers,
        }


def send_all(app: Celery, many: Sequence[Publishing]) -> None:
    """Have an engine keep these; what is sent in one turn of the loop shares entries of the inboxes. Durable when this
    returns."""
    for each in many:
        each.announce()

    async def start(client: Client) -> None:
        for at in range(0, len(many), AT_ONCE_MAX):
            await asyncio.gather(*(each.start(client) for each in many[at : at + AT_ONCE_MAX]))

    app.cluster.wait(start)
    for each in many:
        each.announced()


def check(options: Mapping[str, Any]) -> None:
    """Raises:
    ImproperlyConfigured: an option would be missed.
    """
    for name in options:
        if name == "serializer":
            check_serializer(options[name])
        elif name not in HONOURED and name not in WITHOUT_EFFECT:
            allowed = ", ".join(sorted(HONOURED))
            raise ImproperlyConfigured(
                f"the option {name}={options[name]!r} of a call is not known to Perdure: "
                + _CURES.get(name, f"give those of {allowed}")
            )
    if "countdown" in options and "eta" in options:
        raise ImproperlyConfigured("give either countdown= or eta=")


def check_serializer(name: Any) -> None:
    """Raises:
    SecurityError: it is not of JSON's family.
    """
    if name is not None and name not in JSON_FAMILY:
        raise SecurityError(
            f"serializer={name!r} is refused: values travel as JSON, since pickle runs the code of whoever can write "
            "to the broker. Leave it out, and give plain values, or an id to load the object by"
        )


def priority_of(value: Any) -> int:
    """A priority from 0 (first) to 9 (last), as on Redis.

    Raises:
        ImproperlyConfigured: it is none.
    """
    if value is None:
        return 0
    if not isinstance(value, int) or not 0 <= value <= PRIORITY_LAST:
        raise ImproperlyConfigured(f"the priority is {value!r}; give 0 (first) to {PRIORITY_LAST} (last), as on Redis")
    return value


def moment(value: Any, zone: tzinfo) -> datetime | None:
    """A moment; one without a time zone is of the application's."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise ImproperlyConfigured(f"eta is {value!r}; give a datetime")
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def expiry(value: Any, zone: tzinfo) -> datetime | None:
    """When a task expires: that moment, or so long from now."""
    if value is None or isinstance(value, datetime | str):
        return moment(value, zone)
    return datetime.now(UTC) + timedelta(seconds=_seconds(value) or 0)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
