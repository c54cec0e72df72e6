"""An agent whose conversation grows with every call, as they do, and is stored once all the same.

The model is given the whole conversation each time: a hundred calls with an argument that grows to 200,000 tokens,
more than 50 MB in all. Perdure keeps the conversation once: each message when it is new, compressed. Nothing in the
code says so, and what a person sees of the run (`perdure workflow show`) is the whole of each call.

    perdure dev                                   # in one terminal
    python sdk/examples/long_conversation.py      # in another
"""

from __future__ import annotations

import argparse
import asyncio
import random
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "conversations"
WORDS_A_MESSAGE = 750  # about a thousand tokens

Message = dict[str, str]


def some_text(seed: int) -> str:
    """Stands for what people and models write: random words, which compress no better than theirs."""
    dice = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(dice.choices(letters, k=dice.randint(2, 10))) for _ in range(WORDS_A_MESSAGE))


@activity.defn
async def call_model(messages: list[Message]) -> Message:
    return {"role": "assistant", "content": some_text(len(messages))}


@workflow.defn
class Conversation:
    @workflow.run
    async def run(self, turns: int) -> int:
        messages: list[Message] = []
        for turn in range(turns):
            messages.append({"role": "user", "content": some_text(-turn)})
            answer = await workflow.execute_activity(call_model, messages, start_to_close_timeout=timedelta(minutes=1))
            messages.append(answer)
        return sum(len(message["content"].split()) for message in messages)


async def main(turns: int) -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Conversation], activities=[call_model]),
    ):
        handle = await client.start_workflow(
            Conversation.run, turns, id=f"conversation-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        words = await handle.result()
        history = await handle.fetch_history()
        passed = sum(len(getattr(event.attributes, "input", b"")) for event in history.events)
        stored = (await handle.describe()).history_size
        print(f"{turns} calls, {words} words in the end: {passed / 1e6:.1f} MB passed, {stored / 1e6:.1f} MB stored")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An agent whose conversation grows.")
    parser.add_argument("--turns", type=int, default=100)
    asyncio.run(main(parser.parse_args().turns))
