"""All that is known of one workflow, in order of time, for whoever looks for the cause of a problem."""

from __future__ import annotations

from tests.chaos.ledger import Books
from tests.chaos.records import Store


def story_of(workflow: str, books: Books, store: Store) -> str:
    """What its client asked and was told, what its activities did, and what the store holds."""
    told = [(entry.at, f"client: {entry.what} {entry.value}") for entry in books.entries.get(workflow, [])]
    told += [
        (effect.at, f"effect: activity {effect.activity_id}, attempt {effect.attempt}, {effect.note} in {effect.pid}")
        for effect in books.effects.get(workflow, [])
    ]
    lines = [f"{at:.3f} {text}" for at, text in sorted(told)]
    for run in store.runs.get(workflow, []):
        lines.append(f"run {run.run_id}: {run.status}")
        lines += [f"{record.time_us / 1e6:.3f} {record.event_id} {record.attributes}" for record in run.records]
    return "\n".join(lines)
