"""An agent that asks a person before it acts.

It retrieves context, drafts an answer with a model, waits for as long as a person needs to approve the draft, and
writes it down. Kill the worker at any point: what was finished stays finished, and the wait costs nothing.

    perdure dev                         # in one terminal
    python sdk/examples/agent.py        # in another: one run, approved at once

To decide yourself, from any terminal:

    perdure worker sdk/examples/agent.py
    perdure workflow start Agent --task-queue agents --id agent-1 --input '"Can I return a lamp?"'
    perdure workflow query agent-1 state
    perdure workflow signal agent-1 decide --input '{"approved": true, "by": "ada"}'
    perdure workflow result agent-1
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import model

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "agents"
SHELF = {
    "refund": "Refunds are paid within 14 days of the return.",
    "return": "Goods can be returned unused for 30 days.",
    "warranty": "The warranty covers two years, wear excluded.",
}


@dataclass
class Decision:
    approved: bool
    by: str
    remark: str = ""


@dataclass
class State:
    step: str
    draft: str | None = None


@activity.defn
async def retrieve_context(question: str) -> list[str]:
    return [text for word, text in SHELF.items() if word in question.lower()]


@activity.defn
async def call_model(prompt: str) -> str:
    return await model.complete(prompt, idempotency_key=activity.info().idempotency_key)


@activity.defn
def write_answer(workflow_id: str, answer: str) -> str:  # not `async`: it runs in a thread, where it may block
    path = Path(tempfile.gettempdir()) / f"{workflow_id}.txt"
    path.write_text(answer)  # writing the same text twice leaves the same file: safe to retry
    return str(path)


@workflow.defn
class Agent:
    def __init__(self) -> None:
        self._state = State("retrieving")
        self._decision: Decision | None = None

    @workflow.run
    async def run(self, question: str) -> str:
        soon = timedelta(seconds=30)
        context = await workflow.execute_activity(retrieve_context, question, start_to_close_timeout=soon)

        self._state.step = "drafting"
        prompt = "\n".join([question, *context])
        self._state.draft = await workflow.execute_activity(call_model, prompt, start_to_close_timeout=soon)

        self._state.step = "waiting for approval"
        await workflow.wait_condition(lambda: self._decision is not None)
        assert self._decision is not None
        if not self._decision.approved:
            self._state.step = "rejected"
            return f"rejected by {self._decision.by}: {self._decision.remark}"

        self._state.step = "writing"
        path: str = await workflow.execute_activity(
            write_answer, args=[workflow.info().workflow_id, self._state.draft], start_to_close_timeout=soon
        )
        self._state.step = "done"
        return path

    @workflow.signal
    def decide(self, decision: Decision) -> None:
        self._decision = decision

    @workflow.query
    def state(self) -> State:
        return self._state


async def main() -> None:
    activities = (retrieve_context, call_model, write_answer)
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Agent], activities=activities),
    ):
        question = "Can I return a lamp, and when is the refund paid?"
        handle = await client.start_workflow(
            Agent.run, question, id=f"agent-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        while (state := await handle.query(Agent.state)).step != "waiting for approval":
            await asyncio.sleep(0.1)
        print(f"{handle.id} proposes: {state.draft}")
        await handle.signal(Agent.decide, Decision(approved=True, by="ada"))
        print(f"written to {await handle.result()}")


if __name__ == "__main__":
    asyncio.run(main())
