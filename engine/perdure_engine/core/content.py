"""Content: what a run keeps once, and its values refer to by hash (see `perdure.protocol.content`).

Role: which pieces a run has. They come beside a request, are kept with what the request leads to, and a request that
counts on pieces which the run does not have is refused before anything is decided.

Rules:
- A run has its own pieces alone. What another run has is copied for it, by whoever makes it refer to them.
- The pieces themselves are no state, only their hashes; what they take where they are kept counts as history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from perdure.protocol.content import ContentBlock, hashes_of, is_reference, join_hashes, kept_size, split_hashes
from perdure.protocol.events import ContentKept, EventType, HistoryEvent
from perdure.protocol.messages import RecordChildClosed, SignalExternalWorkflow, StartChildWorkflow
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import StoreContent
from perdure_engine.core import workflow_execution
from perdure_engine.core.fold import apply
from perdure_engine.core.limits import history_problem
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import CopyContent, KeepContent, Send, Successor, Transition


def receive(state: MutableState, request: StoreContent, now_us: int, transition: Transition) -> None:
    """Content that comes ahead of the request that refers to it, because it is too large to travel beside that."""
    transition.answer()
    overgrown = history_problem(state.next_event_id - 1, state.history_size_bytes)
    if overgrown is not None:
        workflow_execution.end_overgrown(state, overgrown, now_us, transition)


def refuses(state: MutableState, block: ContentBlock, transition: Transition) -> bool:
    """Refuse what refers to content that the run would not have. False, and nothing was done, if there is none."""
    coming = {name for name, _ in block.pieces}
    lacking = sum(name not in state.content and name not in coming for name in block.needed())
    if lacking:
        transition.refuse(
            ErrorCode.CONTENT_MISSING,
            f"run {state.run_id} lacks {lacking} pieces of content that this refers to: send all of it",
            run_id=state.run_id,
        )
    return bool(lacking)


def keep(state: MutableState, block: ContentBlock, now_us: int, transition: Transition) -> None:
    """Keep what is new of a block, ahead of the records that refer to it (but for the first event of a run, and never
    behind one that closes it)."""
    new = {name: data for name, data in block.pieces if name not in state.content}
    if new:
        _note(state, {name: kept_size(data) for name, data in new.items()}, now_us, transition)
        transition.effects.append(KeepContent(tuple(new.items())))


def inherit(before: MutableState, successor: Successor, now_us: int) -> None:
    """Give a run that follows another what its first event refers to in that one."""
    started = successor.state.started
    names = [*hashes_of(started.input), *hashes_of(started.last_completion_result)]
    sizes = {name: before.content[name] for name in names if name in before.content}
    if sizes:
        _note(successor.state, sizes, now_us, successor.transition)
        successor.transition.effects.append(CopyContent(before.shard_id, before.run_id, tuple(sizes)))


def bring(
    records: Iterable[HistoryEvent], from_run_id: str, state: MutableState, now_us: int, transition: Transition
) -> None:
    """Give a run that has the records of another one, or some of them, all that these may refer to."""
    sizes = _kept(records)
    if not sizes:
        return
    new = {name: size for name, size in sizes.items() if name not in state.content}
    if new:
        _note(state, new, now_us, transition)
    transition.effects.append(CopyContent(state.shard_id, from_run_id, tuple(state.content)))


def bring_referred(
    again: Iterable[HistoryEvent],
    others: Iterable[tuple[str, Iterable[HistoryEvent]]],
    state: MutableState,
    now_us: int,
    transition: Transition,
) -> None:
    """Give a run that takes in events `again`, which happened to `others`, what these refer to."""
    wanted: dict[bytes, int] = {}
    for record in again:
        for value in record.attributes:
            if type(value) is bytes and is_reference(value):
                wanted.update(dict.fromkeys(hashes_of(value), 1))
    for run_id, records in others if wanted else ():
        new = {name: size for name, size in _kept(records).items() if name in wanted and name not in state.content}
        if new:
            _note(state, new, now_us, transition)
            transition.effects.append(CopyContent(state.shard_id, run_id, tuple(new)))


def _kept(records: Iterable[HistoryEvent]) -> dict[bytes, int]:
    """All that a run has by its records, with the sizes."""
    sizes: dict[bytes, int] = {}
    for record in records:
        if isinstance(record.attributes, ContentKept):
            sizes.update(zip(split_hashes(record.attributes.hashes), record.attributes.sizes, strict=True))
    return sizes


def send_along(state: MutableState, transition: Transition) -> None:
    """Say in each message to another run what that is to have of the content of this one."""
    for index, effect in enumerate(transition.effects):
        if isinstance(effect, Send) and type(effect.message) in _SENT:
            names = dict.fromkeys(hashes_of(_SENT[type(effect.message)](effect.message)))
            sizes = {name: state.content[name] for name in names if name in state.content}
            if sizes:
                what = {"content_hashes": join_hashes(sizes), "content_sizes": tuple(sizes.values())}
                transition.effects[index] = Send(effect.event_id, effect.message._replace(**what))


def is_brought_by(message: Any) -> bool:
    """Whether a message refers to content of the run that sends it."""
    return type(message) in _SENT and bool(message.content_hashes)


def take_over(
    state: MutableState,
    message: StartChildWorkflow | RecordChildClosed | SignalExternalWorkflow,
    now_us: int,
    transition: Transition,
) -> None:
    """Give a run what the message that it has taken in refers to."""
    sizes = zip(split_hashes(message.content_hashes), message.content_sizes, strict=True)
    new = {name: size for name, size in sizes if name not in state.content}
    if new:
        origin = message.origin
        _note(state, new, now_us, transition)
        transition.effects.append(CopyContent(origin.shard_id, origin.run_id, tuple(new)))


_SENT: dict[type[Any], Callable[[Any], bytes]] = {
    StartChildWorkflow: lambda message: message.initiated.input,
    RecordChildClosed: lambda message: message.result,
    SignalExternalWorkflow: lambda message: message.input,
}
"""The value of each message that may refer to content."""


def _note(state: MutableState, sizes: dict[bytes, int], now_us: int, transition: Transition) -> None:
    record = HistoryEvent(0, now_us, EventType.CONTENT_KEPT, ContentKept(join_hashes(sizes), tuple(sizes.values())))
    records = transition.records
    records.insert(1 if records and records[0].event_id == 1 else 0, record)
    apply(state, record)
