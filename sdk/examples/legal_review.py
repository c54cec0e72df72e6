"""A contract review that gives a lawyer a day, and asks somebody else when the day has passed.

The wait is a durable timer: it holds no process and no memory, and it survives restarts of everything.

    perdure dev                                            # in one terminal
    python sdk/examples/legal_review.py                    # in another: the lawyer answers
    python sdk/examples/legal_review.py --patience 2       # nobody answers within 2 seconds
"""

from __future__ import annotations

import argparse
import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import model

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "legal"
STEP_TIMEOUT = timedelta(seconds=30)


class Verdict(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    ESCALATED = "escalated"


@dataclass
class Review:
    """What to review, and how long the lawyer may take."""

    contract: str
    lawyer: str
    partner: str
    patience: timedelta = timedelta(hours=24)


@dataclass
class Opinion:
    verdict: Verdict
    by: str
    findings: list[str] = field(default_factory=list)


@activity.defn
async def split_into_clauses(contract: str) -> list[str]:
    return [clause.strip() for clause in contract.split(".") if clause.strip()]


@activity.defn
async def assess_clause(clause: str) -> str:
    return await model.complete(f"Is this clause a risk? {clause}", idempotency_key=activity.info().idempotency_key)


@activity.defn
async def notify(person: str, message: str) -> None:
    activity.logger.info("to %s: %s", person, message)


@workflow.defn
class LegalReview:
    def __init__(self) -> None:
        self._verdict: Verdict | None = None

    @workflow.run
    async def run(self, review: Review) -> Opinion:
        clauses = await workflow.execute_activity(
            split_into_clauses, review.contract, start_to_close_timeout=STEP_TIMEOUT
        )
        findings = await asyncio.gather(
            *(
                workflow.execute_activity(assess_clause, clause, start_to_close_timeout=STEP_TIMEOUT)
                for clause in clauses
            )
        )
        await self._notify(review.lawyer, f"{len(findings)} findings wait for you")
        try:
            await workflow.wait_condition(lambda: self._verdict is not None, timeout=review.patience)
        except TimeoutError:
            await self._notify(review.partner, f"{review.lawyer} has not answered within {review.patience}")
            return Opinion(Verdict.ESCALATED, review.partner, list(findings))
        assert self._verdict is not None
        return Opinion(self._verdict, review.lawyer, list(findings))

    @workflow.signal
    def decide(self, verdict: Verdict) -> None:
        self._verdict = verdict

    async def _notify(self, person: str, message: str) -> None:
        await workflow.execute_activity(notify, args=[person, message], start_to_close_timeout=STEP_TIMEOUT)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Review a contract.")
    parser.add_argument("--patience", type=float, metavar="SECONDS", help="let nobody answer within this time")
    patience = parser.parse_args().patience

    activities = (split_into_clauses, assess_clause, notify)
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[LegalReview], activities=activities),
    ):
        review = Review(
            "The supplier may change prices. Notice is 90 days. Liability is unlimited.", "grace", "barbara"
        )
        if patience is not None:
            review.patience = timedelta(seconds=patience)
        handle = await client.start_workflow(
            LegalReview.run, review, id=f"review-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        if patience is None:
            await handle.signal(LegalReview.decide, Verdict.APPROVED)
        opinion = await handle.result()
        print(f"{handle.id}: {opinion.verdict} by {opinion.by}")
        for finding in opinion.findings:
            print(f"  {finding}")


if __name__ == "__main__":
    asyncio.run(main())
