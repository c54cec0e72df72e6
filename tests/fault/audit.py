"""What must be true of a load of agent runs, whatever was killed meanwhile.

- No acknowledged start is missing, and every workflow completes with its own answer.
- Each activity has exactly one recorded completion.
- A finished step never runs again: nothing happened after the attempt that was recorded, and no attempt happened twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from perdure.client import Client, WorkflowHandle
from perdure.protocol.events import EventType
from tests.fault.journal import Journal
from tests.fault.workload import TASK_QUEUE, AgentRun

RUNS = 2000
STEPS = ("retrieve", "call_model", "store_answer")

FINISH_SECONDS = 180
"""For all runs together; a healthy machine needs a tenth of it."""

LOOKS_AT_ONCE = 50


@dataclass(frozen=True)
class RecordedActivity:
    """One activity of a history: how often it closed, and which attempt was recorded."""

    activity_type: str
    completions: int
    attempt: int


class Load:
    """Agent runs that were started, and what is known of them."""

    def __init__(self, client: Client, journal: Journal, runs: int = RUNS, prefix: str = "agent") -> None:
        self.client = client
        self.journal = journal
        self.runs = runs
        self._prefix = prefix
        self.acknowledged: list[WorkflowHandle[Any, str]] = []

    async def start(self) -> None:
        """Start every run, all at once; a handle is kept for each start that was acknowledged."""

        async def start_one(number: int) -> None:
            handle = await self.client.start_workflow(
                AgentRun.run, f"question {number}", id=f"{self._prefix}-{number}", task_queue=TASK_QUEUE
            )
            self.acknowledged.append(handle)

        await asyncio.gather(*(start_one(number) for number in range(self.runs)))

    def steps_started(self) -> int:
        return len(self.journal.lines())

    async def audit(self) -> None:
        """Wait for every run and check all that the module says.

        Raises:
            AssertionError: with the runs that are wrong.
        """
        assert len(self.acknowledged) == self.runs, "a start was neither acknowledged nor refused"
        async with asyncio.timeout(FINISH_SECONDS):
            results = await asyncio.gather(*(handle.result() for handle in self.acknowledged))
        expected = [f"answer to context of question {handle.id.rpartition('-')[2]}" for handle in self.acknowledged]
        assert list(results) == expected
        await self._audit_histories()

    async def _audit_histories(self) -> None:
        happened = self.journal.by_step()
        gate = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(handle: WorkflowHandle[Any, str]) -> list[str]:
            async with gate:
                recorded = await recorded_activities(handle)
            wrong = []
            if [activity.activity_type for activity in recorded] != list(STEPS):
                wrong.append(f"{handle.id} recorded {recorded}")
            for activity in recorded:
                if activity.completions != 1:
                    wrong.append(f"{handle.id} {activity.activity_type} has {activity.completions} completions")
                attempts = Counter(line.attempt for line in happened.get((handle.id, activity.activity_type), []))
                if activity.attempt not in attempts:
                    wrong.append(f"{handle.id} {activity.activity_type}: attempt {activity.attempt} never happened")
                if max(attempts, default=0) > activity.attempt:
                    wrong.append(f"{handle.id} {activity.activity_type} ran again after it had finished: {attempts}")
                if any(count > 1 for count in attempts.values()):
                    wrong.append(f"{handle.id} {activity.activity_type}: one attempt ran twice: {attempts}")
            return wrong

        found = await asyncio.gather(*(look(handle) for handle in self.acknowledged))
        problems = [problem for problems in found for problem in problems]
        assert not problems, f"{len(problems)} problems, the first: {problems[:10]}"


async def recorded_activities(handle: WorkflowHandle[Any, Any]) -> list[RecordedActivity]:
    """The activities of a history, in the order in which they were scheduled."""
    types: dict[int, str] = {}
    closed: Counter[int] = Counter()
    attempts: dict[int, int] = {}
    async for event in handle.fetch_history_events():
        attributes = event.attributes
        if event.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
            types[event.event_id] = attributes.activity_type
        elif event.event_type == EventType.ACTIVITY_TASK_STARTED:
            attempts[attributes.scheduled_event_id] = attributes.attempt
        elif event.event_type == EventType.ACTIVITY_TASK_COMPLETED:
            closed[attributes.scheduled_event_id] += 1
    return [RecordedActivity(name, closed[key], attempts.get(key, 0)) for key, name in types.items()]
