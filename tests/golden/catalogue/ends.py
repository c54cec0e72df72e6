"""How runs end: with a result, a failure, by being cancelled, ended or timed out, and tried again as a whole."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from perdure import workflow
from perdure.client import WorkflowHandle
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError
from perdure.testing import WorkflowEnvironment
from tests.golden.catalogue.tale import SHORT, Tale, broken, cancel, step, wait_begun


@workflow.defn(name="at-once")
async def at_once(value: Any) -> Any:
    return value


@workflow.defn(name="fails")
class Fails:
    @workflow.run
    async def run(self, how: str) -> None:
        if how == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(self.fail("inner"))
        elif how == "activity":
            await workflow.execute_activity(broken, "Fatal", start_to_close_timeout=SHORT)
        elif how == "caused":
            try:
                await workflow.execute_activity(broken, "Cause", start_to_close_timeout=SHORT)
            except ActivityError as error:
                raise ApplicationError("the whole", {"detail": 1}, type="Whole") from error
        else:
            await self.fail(how)

    async def fail(self, kind: str) -> None:
        raise ApplicationError("it fails", type=kind)


@workflow.defn(name="cleans-up")
class CleansUp:
    @workflow.run
    async def run(self, times: int) -> str:
        try:
            await workflow.sleep(3600)
        except asyncio.CancelledError:
            for number in range(times):
                await workflow.execute_activity(step, f"clean {number}", start_to_close_timeout=SHORT)
            raise
        return "unreachable"


@workflow.defn(name="goes-on")
class GoesOn:
    """Is asked to stop, and does not."""

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.sleep(3600)
        except asyncio.CancelledError:
            await workflow.sleep(5)
        return str(workflow.cancellation_reason())


@workflow.defn(name="shielded")
class Shielded:
    @workflow.run
    async def run(self) -> str:
        inner = asyncio.create_task(self.finish())
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            return await inner
        return "unreachable"

    async def finish(self) -> str:
        await workflow.sleep(10)
        return await workflow.execute_activity(step, "finished", start_to_close_timeout=SHORT)


@workflow.defn(name="third-time-lucky")
class ThirdTimeLucky:
    @workflow.run
    async def run(self) -> int:
        attempt = workflow.info().attempt
        await workflow.execute_activity(step, f"attempt {attempt}", start_to_close_timeout=SHORT)
        if attempt < 3:
            raise ApplicationError("not yet")
        return attempt


async def end(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
    await wait_begun(handle)
    await handle.terminate("the catalogue ends it", reason="enough")


WORKFLOWS = (at_once, Fails, CleansUp, GoesOn, Shielded, ThirdTimeLucky)
ACTIVITIES = ()
TALES = (
    *(
        Tale(f"at-once-{name}", at_once, (value,))
        for name, value in (("number", 1), ("text", "é"), ("nothing", None), ("much", {"a": [1, 2, {"b": None}]}))
    ),
    *(Tale(f"fails-{how}", Fails, (how,)) for how in ("plain", "group", "activity", "caused")),
    *(Tale(f"cleans-up-{times}", CleansUp, (times,), cancel) for times in (0, 1, 2)),
    Tale("goes-on", GoesOn, (), cancel),
    Tale("shielded", Shielded, (), cancel),
    Tale("terminated", CleansUp, (1,), end),
    Tale("run-timed-out", GoesOn, (), None, {"run_timeout": timedelta(seconds=30)}),
    Tale("execution-timed-out", GoesOn, (), None, {"execution_timeout": timedelta(seconds=30)}),
    Tale(
        "third-time-lucky",
        ThirdTimeLucky,
        (),
        None,
        {"retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1))},
    ),
    Tale("delayed", at_once, ("late",), None, {"start_delay": timedelta(minutes=5)}),
)
