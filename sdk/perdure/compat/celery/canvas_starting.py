"""Signatures that are put together, as what is started: a plan of `perdure.tasks.canvas`, or tasks by themselves."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure.client import Client
from perdure.common import WorkflowIDReusePolicy
from perdure.compat.celery import message
from perdure.compat.celery.publishing import Publishing, moment, send_all
from perdure.compat.celery.result import AsyncResult
from perdure.compat.celery.signature import LINK_ERROR, Signature, maybe_signature
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.tasks.canvas.plan import FORM, WORKFLOW_NAME, Node, Packing, Plan, Step
from perdure.tasks.canvas.starting import MARGIN, WITHIN

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

DAY = timedelta(days=1)
"""How long an attempt may take that has no time limit; a workflow wants to know one."""

_OF_ALL = frozenset({"task_id", "countdown", "eta", LINK_ERROR, "group_id", "chord", "chain", "root_id", "parent_id"})
"""Options that are about all of it, and not about its first tasks."""

_SEVERAL_RESULTS = frozenset({"group", "chunks"})
"""Kinds whose members have results of their own."""


@dataclass(frozen=True)
class OwnOptions:
    """What is asked of all of it.

    Attributes:
        timing: `countdown` or `eta`, as they were given.
    """

    id: str
    timing: Mapping[str, Any]


def own_options(options: Mapping[str, Any]) -> tuple[OwnOptions, dict[str, Any]]:
    """What is asked of all of it, and of its first tasks."""
    timing = {name: options[name] for name in ("countdown", "eta") if options.get(name) is not None}
    others = {name: value for name, value in options.items() if name not in _OF_ALL}
    return OwnOptions(options.get("task_id") or str(uuid.uuid4()), timing), others


def start(app: Celery, whole: Signature, own: OwnOptions) -> AsyncResult:
    """Start the workflow of a signature; it is durable when this returns.

    Raises:
        CanvasTooLarge: it has too many steps.
        Further, as `Task.apply_async`.
    """
    app.cluster.wait(_workflow(app, whole, own))
    return AsyncResult(own.id, app=app)


def start_all(app: Celery, members: Sequence[Signature]) -> list[Any]:
    """Start the members of a group, many together; all are durable when this returns. Returns their results."""
    sent: list[Publishing] = []
    works: list[Callable[[Client], Any]] = []
    results: list[Any] = []
    for member in members:
        if member.kind is None:
            sent.append(_publishing(app, member))
            results.append(AsyncResult(sent[-1].task_id, app=app))
        elif member.kind in _SEVERAL_RESULTS:
            results.append(member.apply_async())
        else:
            own, others = own_options(member.options)
            works.append(_workflow(app, member.beginning(others), own))
            results.append(AsyncResult(own.id, app=app))
    if sent:
        send_all(app, sent)
    if works:
        app.cluster.wait(lambda client: _together(works, client))
    return results


async def _together(works: Sequence[Callable[[Client], Any]], client: Client) -> None:
    await asyncio.gather(*(work(client) for work in works))


def _publishing(app: Celery, call: Signature) -> Publishing:
    args, kwargs = call.args, call.kwargs
    task = app.tasks.get(call.task)
    if task is not None and task.typing:
        task.check_arguments(args, kwargs)
    return Publishing(app, call.task, args, kwargs, call.options)


def _workflow(app: Celery, whole: Signature, own: OwnOptions) -> Callable[[Client], Any]:
    packing = PlanPacking(app)
    tree = packing.node(whole, takes=False)
    delay = _delay(app, own.timing)
    plan = Plan(FORM, tree, packing.steps, WITHIN)

    async def work(client: Client) -> None:
        try:
            await client.start_workflow(
                WORKFLOW_NAME,
                plan,
                id=own.id,
                task_queue=plan.steps[0].queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                execution_timeout=WITHIN + MARGIN + delay,
                start_delay=delay or None,
                static_summary=f"{whole!r}"[:200],
            )
        except WorkflowAlreadyStartedError:
            return  # what has the id is what is meant

    return work


def _delay(app: Celery, timing: Mapping[str, Any]) -> timedelta:
    eta = moment(timing.get("eta"), app.conf.tz)
    if eta is not None:
        return max(eta - datetime.now(UTC), timedelta(0))
    countdown = timing.get("countdown") or 0
    return countdown if isinstance(countdown, timedelta) else timedelta(seconds=countdown)


class PlanPacking(Packing):
    """Makes the tree of one workflow of signatures."""

    def __init__(self, app: Celery) -> None:
        super().__init__()
        self._app = app

    def node(self, given: Any, *, takes: bool) -> Node:
        """It as data; `takes`: it is given the result of what comes before."""
        from perdure.compat.celery import canvas

        whole = maybe_signature(given, self._app)
        made: Node
        match whole:
            case canvas.chain():
                made = {
                    "k": "chain",
                    "of": [self.node(each, takes=takes or at > 0) for at, each in enumerate(whole.tasks)],
                }
            case canvas.group():
                made = self._group(whole, takes)
            case canvas.chord():
                header = self._watched(self._group(whole.tasks, takes), whole.body)
                made = {"k": "chain", "of": [header, self.node(whole.body, takes=True)]}
            case canvas.xmap():
                made = self._map(whole)
            case canvas.chunks():
                made = self._group(whole.group(), False)
            case _:
                return self._task(whole, takes)
        return self._watched(made, whole)

    def _watched(self, node: Node, call: Signature) -> Node:
        """A node, and the errbacks of a call, which are told when it fails. Those of a task are the worker's affair;
        those of a chord's body are told of its header, too, since the body is not begun then."""
        errbacks = call.options.get(LINK_ERROR)
        if not errbacks:
            return node
        several = [errbacks] if isinstance(errbacks, Mapping) else errbacks
        return {"k": "watch", "of": node, "told": [self._errback(each) for each in several]}

    def _group(self, whole: Any, takes: bool) -> Node:
        members = whole.tasks
        self.check("group", len(members))
        return {"k": "group", "of": [self.node(each, takes=takes) for each in members]}

    def _map(self, whole: Any) -> Node:
        calls = whole.calls()
        self.check("map", len(calls))
        self.count(len(calls))
        each = whole.each
        number = self._step(self._published(each, (), {}))
        return {"k": "map", "of": number, "items": [message.pack(call, {}, {}) for call in calls]}

    def _errback(self, given: Any) -> Node:
        call = maybe_signature(given, self._app)
        return self._call(call, not call.immutable)

    def _task(self, call: Signature, takes: bool) -> Node:
        takes = takes and not call.immutable
        task = self._app.tasks.get(call.task)
        if task is not None and task.typing:
            task.check_arguments((None, *call.args) if takes else call.args, call.kwargs)
        return self._call(call, takes)

    def _call(self, call: Signature, takes: bool) -> Node:
        self.count(1)
        asked = self._published(call, call.args, call.kwargs)
        return {"k": "task", "of": self._step(asked), "args": list(asked.args), "takes": takes}

    def _published(self, call: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return Publishing(self._app, call.task, args, kwargs, call.options).input()

    def _step(self, asked: Any) -> int:
        step = Step(
            asked.activity_type,
            asked.task_queue,
            asked.retry_policy,
            asked.start_to_close_timeout or DAY,
            asked.schedule_to_start_timeout,
            asked.heartbeat_timeout,
            asked.priority,
            asked.start_delay or None,
        )
        for at, known in enumerate(self.steps):
            if known == step:
                return at
        self.steps.append(step)
        return len(self.steps) - 1
