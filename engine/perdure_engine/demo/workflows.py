"""The workflows of the demo: an agent, a saga, and a support agent that gets interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from perdure import activity, workflow
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError
from perdure_engine.demo import ledger

STEP_TIMEOUT = timedelta(seconds=60)
SECOND_THOUGHT = timedelta(seconds=1)
QUICK_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=100))


@activity.defn
async def retrieve_context(number: int) -> str:
    return f"what is known about case {number}"


@activity.defn
async def call_model(prompt: str) -> str:
    return await ledger.complete(prompt, idempotency_key=activity.info().idempotency_key)


@activity.defn
async def deliver(answer: str) -> str:
    return f"{answer} (receipt {activity.info().idempotency_key})"


@workflow.defn
class AgentRun:
    """Act one: context, model, delivery."""

    @workflow.run
    async def run(self, number: int) -> str:
        context = await workflow.execute_activity(retrieve_context, number, start_to_close_timeout=STEP_TIMEOUT)
        answer = await workflow.execute_activity(call_model, context, start_to_close_timeout=STEP_TIMEOUT)
        return await workflow.execute_activity(deliver, answer, start_to_close_timeout=STEP_TIMEOUT)


@dataclass
class Trip:
    number: int
    services: list[str] = field(default_factory=lambda: ["flight", "hotel", "car"])


@activity.defn
async def book(service: str, trip: Trip) -> str:
    if service == "car":
        raise ApplicationError("no car left", type="SoldOut", non_retryable=True)
    if service == "hotel" and activity.info().attempt == 1:
        raise ApplicationError("the hotel's line is busy", type="Busy")
    return f"{service}-{trip.number}"


@activity.defn
async def cancel_booking(reference: str) -> None:
    activity.logger.debug("canceled %s", reference)


@workflow.defn
class BookTrip:
    """Act two: the third booking fails for good, and the first two are undone in reverse."""

    @workflow.run
    async def run(self, trip: Trip) -> list[str]:
        booked: list[str] = []
        try:
            for service in trip.services:
                reference: str = await workflow.execute_activity(
                    book, args=[service, trip], start_to_close_timeout=STEP_TIMEOUT, retry_policy=QUICK_RETRY
                )
                booked.append(reference)
        except ActivityError:
            undone = list(reversed(booked))
            for reference in undone:
                await workflow.execute_activity(cancel_booking, reference, start_to_close_timeout=STEP_TIMEOUT)
            return undone
        return []


@workflow.defn
class SupportRun:
    """Act three: its worker is killed while the model answers, or in the moment between draft and delivery."""

    @workflow.run
    async def run(self, number: int) -> str:
        context = await workflow.execute_activity(retrieve_context, number, start_to_close_timeout=STEP_TIMEOUT)
        draft = await workflow.execute_activity(call_model, context, start_to_close_timeout=STEP_TIMEOUT)
        await workflow.sleep(SECOND_THOUGHT)
        return await workflow.execute_activity(deliver, draft, start_to_close_timeout=STEP_TIMEOUT)


WORKFLOWS = (AgentRun, BookTrip, SupportRun)
ACTIVITIES = (retrieve_context, call_model, deliver, book, cancel_booking)
