"""Records the catalogue: each tale that has no history yet is told on a cluster in memory, and written down.

A file is a history as Temporal writes it, an event a line; `perdure workflow replay` takes it as it is.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from perdure.client import WorkflowFailureError, WorkflowHistory
from perdure.testing import WorkflowEnvironment
from perdure.worker import Worker
from tests.golden.catalogue import ACTIVITIES, TALES, WORKFLOWS
from tests.golden.catalogue.tale import Tale

RECORDED = Path(__file__).parent / "recorded"
QUEUE = "golden"


def path_of(tale: Tale) -> Path:
    return RECORDED / f"{tale.name}.json"


def recorded() -> dict[str, WorkflowHistory]:
    """The recorded histories by the names of their tales."""
    return {
        path.stem: WorkflowHistory.from_json(path.stem, path.read_text()) for path in sorted(RECORDED.glob("*.json"))
    }


async def record_catalogue() -> None:
    missing = [tale for tale in TALES if not path_of(tale).exists()]
    RECORDED.mkdir(exist_ok=True)
    for tale in missing:
        history = await tell(tale)
        events = _without_stacks(history.to_json_dict()["events"])
        rows = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in events)
        path_of(tale).write_text('{"events":[\n' + ",\n".join(rows) + "\n]}\n")
        print(f"{tale.name}: {len(history.events)} events")


def _without_stacks(value: Any) -> Any:
    """The same without stack traces, which name the files of one machine."""
    if isinstance(value, dict):
        return {key: _without_stacks(item) for key, item in value.items() if key != "stackTrace"}
    return [_without_stacks(item) for item in value] if isinstance(value, list) else value


async def tell(tale: Tale) -> WorkflowHistory:
    """The history of the first run of a tale, told on a cluster of its own."""
    async with await WorkflowEnvironment.start_time_skipping(identity="golden") as env:
        client = env.client
        async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
            if tale.beside is not None:
                await client.start_workflow(tale.beside, id=f"{tale.name}-other", task_queue=QUEUE)
            handle = await client.start_workflow(
                tale.workflow, args=tale.arguments, id=tale.name, task_queue=QUEUE, **tale.options
            )
            if tale.drive is not None:
                await tale.drive(env, handle)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    await handle.result()
            except WorkflowFailureError:
                pass  # as many tales end
            first = client.get_workflow_handle(tale.name, run_id=handle.first_execution_run_id)
            return await first.fetch_history()
