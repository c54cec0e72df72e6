"""Enqueuing a canvas: one workflow, started by the client that tasks are enqueued by."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from perdure.client import Client
from perdure.common import WorkflowIDReusePolicy
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.tasks.asking import ask, wait
from perdure.tasks.canvas.handle import CanvasHandle
from perdure.tasks.canvas.plan import FORM, WORKFLOW_NAME, Packing, Plan
from perdure.tasks.options import Seconds, duration, optional_duration

if TYPE_CHECKING:
    from perdure.tasks.canvas.signature import Signature

WITHIN = timedelta(days=7)
"""When a canvas fails that is not done, unless its start says otherwise: a queue without workers must not hold it for
ever."""

MARGIN = timedelta(minutes=1)
"""The workflow itself is given so much more: it fails by the limits of its steps, which say what it waited for."""


class Start:
    """One start of a canvas. Making it checks all arguments.

    Raises:
        TypeError, ValueError: see `Signature.apply_async`.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        task_id: str | None = None,
        countdown: Seconds | None = None,
        queue: str | None = None,
        timeout: Seconds = WITHIN,
    ) -> None:
        within = duration(timeout)
        if within <= timedelta(0):
            raise ValueError(f"timeout is {timeout}; it must be above 0")
        packing = Packing()
        tree = signature.pack(packing, False)
        self._signature = signature
        self._id = task_id or str(uuid.uuid4())
        self._delay = optional_duration(countdown)
        self._queue = queue or signature.queue
        self._plan = Plan(FORM, tree, packing.steps, within)

    def wait(self) -> CanvasHandle[Any]:
        """Enqueue it, and wait for that."""
        return wait(self._start, instead="`await canvas.adelay()`")

    async def ask(self) -> CanvasHandle[Any]:
        """Enqueue it, in a coroutine."""
        return await ask(self._start)

    async def _start(self, client: Client) -> CanvasHandle[Any]:
        try:
            started = await client.start_workflow(
                WORKFLOW_NAME,
                self._plan,
                id=self._id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                execution_timeout=self._plan.within + MARGIN + (self._delay or timedelta(0)),
                start_delay=self._delay,
                static_summary=self._signature.description,
            )
        except WorkflowAlreadyStartedError as taken:
            return self._signature.handle(self._id, taken.run_id, is_new=False)
        return self._signature.handle(self._id, started.result_run_id, is_new=True)
