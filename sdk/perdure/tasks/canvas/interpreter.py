"""The workflow that runs a canvas: it walks the tree of its plan; every task in it is an activity.

Rules: what has no result in time fails, and so does what waits for it; every step is given the time that is left of the
whole, so that none waits for ever and the one that took too long is named. Histories hold what this code does: a change
of its commands is a new form of the plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from perdure import workflow
from perdure.common import VersioningBehavior
from perdure.exceptions import ApplicationError, FailureError, is_cancelled_exception
from perdure.tasks.canvas.failures import (
    ChainError,
    ChordError,
    FailedMember,
    GroupError,
    MapError,
    failure_data,
    named,
)
from perdure.tasks.canvas.plan import FORM, WORKFLOW_NAME, Node, Plan, Step

_MARGIN = timedelta(minutes=1)
"""So much longer than its steps a chunk may take, which says by itself which of its items took too long."""


class _Ended(NamedTuple):
    """How a member of a group ended: a result, or why there is none."""

    result: Any
    failed: FailedMember | None
    error: FailureError | None


@workflow.defn(name=WORKFLOW_NAME, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
async def run_canvas(plan: Plan) -> Any:
    """The result of the tree; of a group, how each member ended."""
    if plan.form != FORM:
        raise ApplicationError(
            f"the plan of this canvas has the form {plan.form}, and this worker knows {FORM}: upgrade it",
            type="UnknownForm",
        )
    walk = _Walk(plan.steps, workflow.now() + plan.within)
    if plan.tree["k"] == "group":
        ended = await walk.all(plan.tree["of"], ())
        return [{"failed": asdict(each.failed)} if each.failed else {"result": each.result} for each in ended]
    return await walk.result(plan.tree, ())


@dataclass(frozen=True)
class _Walk:
    """`before` is what comes before a node: nothing, or one result."""

    steps: Sequence[Step]
    deadline: datetime

    async def result(self, node: Node, before: tuple[Any, ...]) -> Any:
        """What a node comes to.

        Raises:
            FailureError: it failed.
        """
        match node["k"]:
            case "task":
                return await self._step(node["of"], [*before, *node["args"]] if node["takes"] else node["args"])
            case "chain":
                return await self._chain(node["of"], before)
            case "group":
                return _results(await self.all(node["of"], before))
            case "chord":
                return await self._chord(node, before)
            case "map":
                return await self._map(node)
            case "watch":
                return await self._watched(node, before)
            case _:
                return await self._apart(node)

    async def all(self, nodes: Sequence[Node], before: tuple[Any, ...]) -> list[_Ended]:
        """How each ended, when all have."""
        return await asyncio.gather(*(self._ended(at, node, before) for at, node in enumerate(nodes)))

    async def _ended(self, at: int, node: Node, before: tuple[Any, ...]) -> _Ended:
        try:
            return _Ended(_listed(await self.result(node, before)), None, None)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return _Ended(None, FailedMember.of(at, self._name(node), error), error)

    async def _chain(self, links: Sequence[Node], before: tuple[Any, ...]) -> Any:
        for at, link in enumerate(links):
            try:
                before = (await self.result(link, before),)
            except FailureError as error:
                if is_cancelled_exception(error):
                    raise
                failed = FailedMember.of(at, self._name(link), error)
                raise ChainError(f"of {len(links)} links, link {failed}", [failed]) from error
        return before[0]

    async def _chord(self, node: Node, before: tuple[Any, ...]) -> Any:
        ended = await self.all(node["of"]["of"], before)
        failed = [each.failed for each in ended if each.failed is not None]
        if failed:
            text = f"{len(failed)} of {len(ended)} members failed, its body was not begun: {named(failed)}"
            raise ChordError(text, failed) from _first_error(ended)
        try:
            return await self.result(node["body"], ([each.result for each in ended],))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            body = FailedMember.of(len(ended), self._name(node["body"]), error)
            text = f"all {len(ended)} members succeeded, the body ({body.name}) failed: {body.type}: {body.message}"
            raise ChordError(text, [body]) from error

    async def _watched(self, node: Node, before: tuple[Any, ...]) -> Any:
        try:
            return await self.result(node["of"], before)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            told = failure_data(error)
            await asyncio.gather(*(self._ended(at, each, (told,)) for at, each in enumerate(node["told"])))
            raise

    async def _map(self, node: Node) -> list[Any]:
        results: list[Any] = []
        for item in node["items"]:
            try:
                results.append(_listed(await self._step(node["of"], item)))
            except FailureError as error:
                if is_cancelled_exception(error):
                    raise
                failed = FailedMember.of(len(results), self._name(node), error)
                raise MapError(f"of {len(node['items'])} items, item {failed}", [failed]) from error
        return results

    async def _step(self, number: int, args: Sequence[Any]) -> Any:
        step = self.steps[number]
        if step.countdown is not None:
            await workflow.sleep(min(step.countdown, self._left(step.name)))
        return await workflow.execute_activity(
            step.name,
            args=args,
            task_queue=step.queue,
            retry_policy=step.retry_policy,
            schedule_to_close_timeout=self._left(step.name),
            start_to_close_timeout=step.time_limit,
            schedule_to_start_timeout=step.expires,
            heartbeat_timeout=step.heartbeat_timeout,
            priority=step.priority,
        )

    async def _apart(self, node: Node) -> Any:
        left = self._left("a chunk")
        return await workflow.execute_child_workflow(
            WORKFLOW_NAME,
            Plan(FORM, node["of"], list(self.steps), left),
            task_queue=node["queue"],
            execution_timeout=left + _MARGIN,
        )

    def _left(self, name: str) -> timedelta:
        left = self.deadline - workflow.now()
        if left <= timedelta(0):
            raise ApplicationError(f"no time was left for {name}", type="CanvasTimeout", non_retryable=True)
        return left

    def _name(self, node: Node) -> str:
        match node["k"]:
            case "task" | "map":
                return self.steps[node["of"]].name
            case "watch":
                return self._name(node["of"])
            case "apart":
                return f"chunk of {self._name(node['of'])}"
            case "chord":
                return f"chord of {len(node['of']['of'])}"
            case kind:
                return f"{kind} of {len(node['of'])}"


def _listed(result: Any) -> Any:
    """A result that a list of results is to hold, which travels as JSON.

    Raises:
        ApplicationError: it cannot be; the task that returned it is named, and its workflow is not held up.
    """
    if isinstance(result, bytes):
        raise ApplicationError(
            "it returned bytes, which a list of results cannot hold; let it return text, such as base64",
            type="BytesInList",
            non_retryable=True,
        )
    return result


def _results(ended: Sequence[_Ended]) -> list[Any]:
    failed = [each.failed for each in ended if each.failed is not None]
    if failed:
        text = f"{len(failed)} of {len(ended)} members failed: {named(failed)}"
        raise GroupError(text, failed) from _first_error(ended)
    return [each.result for each in ended]


def _first_error(ended: Sequence[_Ended]) -> FailureError | None:
    return next((each.error for each in ended if each.error is not None), None)
