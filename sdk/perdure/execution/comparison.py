"""History beside code: the table at the end of an error that says where the two part.

Role: reads what is there when a replay has failed, and changes nothing. A few lines, since it is kept with the failed
workflow task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from perdure.execution.commands import COMMAND_EVENTS, CommandLedger, Issued
from perdure.execution.descriptions import describe, describe_event
from perdure.execution.source_lines import source_text
from perdure.protocol.events import EventType, HistoryEvent
from perdure.workflow.errors import NondeterminismError

_ROWS_AFTER = 3
_WIDTH_MAX = 70
"""Characters of the column of the history; what is longer is cut."""

_TASK_EVENTS = frozenset({EventType.WORKFLOW_TASK_SCHEDULED, EventType.WORKFLOW_TASK_STARTED})

_Row = tuple[str, str, str]


def beside_history(
    error: NondeterminismError, events: Sequence[HistoryEvent], ledger: CommandLedger, waiting_at: Callable[[], str]
) -> NondeterminismError:
    """The same error with its table, if it is about an event."""
    if not error.event_id:
        return error
    issued = ledger.unmatched()
    place = (issued[0].line if issued else "") or waiting_at()
    following = _commands_from(error.event_id, events)
    lines = [error.message, *_table(following, issued, ledger)]
    text = source_text(place)
    if text:
        lines.append(f"{place}:\n        {text}")
    return NondeterminismError("\n".join(lines), error.event_id)


def _table(following: Sequence[HistoryEvent], issued: Sequence[Issued], ledger: CommandLedger) -> list[str]:
    rows: list[_Row] = [("", "the history says", "the code does")]
    rows += [(str(event.event_id), describe_event(event), f"the same, at {line}") for event, line in ledger.matched]
    pairs = list(zip_longest(following, issued))
    rows += [_row(event, command) for event, command in pairs[:_ROWS_AFTER]]
    if len(pairs) > _ROWS_AFTER:
        rows.append(("", "...", "..."))
    width = min(_WIDTH_MAX, max(len(history) for _, history, _ in rows))
    first = 1 + len(ledger.matched)
    return [
        f"{' -->' if number == first else '    '} {label:>6}  {_cut(history, width):{width}}  {code}"
        for number, (label, history, code) in enumerate(rows)
    ]


def _commands_from(event_id: int, events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """The command events from this one on to the end of its workflow task."""
    found = []
    for event in events:
        if event.event_id < event_id:
            continue
        if event.event_type in _TASK_EVENTS:
            break
        if event.event_type in COMMAND_EVENTS:
            found.append(event)
    return found


def _row(event: HistoryEvent | None, issued: Issued | None) -> _Row:
    label, history = ("", "nothing") if event is None else (str(event.event_id), describe_event(event))
    if issued is None:
        return label, history, "nothing"
    return label, history, describe(issued.command) + (f", at {issued.line}" if issued.line else "")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
