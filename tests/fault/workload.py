"""The load of the fault tests: agent runs of three steps, and a few that are caught in mid-activity."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure import activity, workflow
from tests.fault.gate import pass_gate
from tests.fault.journal import write_line

TASK_QUEUE = "load"
STEP_SECONDS = 0.02
"""Long enough that a kill finds many of them running, short enough that 2,000 runs take seconds."""

STEP_TIMEOUT = timedelta(minutes=5)
HOUR_SECONDS = 3600

LASTED = "lasted"
"""The step by which the journal knows the end of `last`."""


@activity.defn
async def retrieve(question: str) -> str:
    write_line()
    await asyncio.sleep(STEP_SECONDS)
    return f"context of {question}"


@activity.defn
async def call_model(prompt: str) -> str:
    write_line()
    await asyncio.sleep(STEP_SECONDS)
    return f"answer to {prompt}"


@activity.defn
async def store_answer(answer: str) -> str:
    write_line()
    await asyncio.sleep(STEP_SECONDS)
    return answer


@activity.defn
async def hang_once() -> int:
    """Hangs on its first attempt, until its worker is killed; the next one returns which it was."""
    write_line()
    attempt = activity.info().attempt
    if attempt == 1:
        await asyncio.sleep(HOUR_SECONDS)
    return attempt


@activity.defn
async def last() -> None:
    """Takes its time, until the test opens its gate, and says when it has ended."""
    write_line()
    await pass_gate()
    write_line(LASTED)


@workflow.defn
class AgentRun:
    @workflow.run
    async def run(self, question: str) -> str:
        context = await workflow.execute_activity(retrieve, question, start_to_close_timeout=STEP_TIMEOUT)
        answer = await workflow.execute_activity(call_model, context, start_to_close_timeout=STEP_TIMEOUT)
        return await workflow.execute_activity(store_answer, answer, start_to_close_timeout=STEP_TIMEOUT)


@workflow.defn
class LastingRun:
    """A long step between two short ones."""

    @workflow.run
    async def run(self, question: str) -> str:
        context = await workflow.execute_activity(retrieve, question, start_to_close_timeout=STEP_TIMEOUT)
        await workflow.execute_activity(last, start_to_close_timeout=STEP_TIMEOUT)
        return await workflow.execute_activity(store_answer, context, start_to_close_timeout=STEP_TIMEOUT)


@workflow.defn
class CaughtRun:
    """A finished step, then one that is running when its worker dies."""

    @workflow.run
    async def run(self, question: str) -> int:
        await workflow.execute_activity(retrieve, question, start_to_close_timeout=STEP_TIMEOUT)
        return await workflow.execute_activity(hang_once, start_to_close_timeout=timedelta(hours=2))


@workflow.defn
class Sleeper:
    @workflow.run
    async def run(self, seconds: float) -> str:
        await workflow.sleep(seconds)
        return "woken"


WORKFLOWS = (AgentRun, LastingRun, CaughtRun, Sleeper)
ACTIVITIES = (retrieve, call_model, store_answer, last, hang_once)
