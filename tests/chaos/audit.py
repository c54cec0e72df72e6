"""What must be true when a campaign is over: the outside ledger, and what drivers were told, against the store.

Role: pure. Each rule yields problems in words; no rule trusts what another has found. The rules:

- Nothing is lost: what was acknowledged is in the store, and every run has ended as its plan says.
- What a client was told is what is stored.
- A history begins with its start, ends with its one closing event, and has no gap.
- Every effect belongs to an attempt that the history knows; a recorded attempt did happen; nothing happened after the
  attempt that was recorded; each activity closes once.
- An attempt runs twice only if Redis lost data between: that is what at least once means. At most once means once.
- Signals: each accepted one took effect, none more often than it was sent, queries saw what was accepted before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from perdure.protocol.events import EventType
from tests.chaos import ledger
from tests.chaos.ledger import Books, Effect, Entry
from tests.chaos.plans import Kind, Plan, services_of, status_of, wrong_result
from tests.chaos.records import CLOSING, RecordedActivity, Run, Store

PAUSE_SECONDS = 30.0
"""What was delivered before a loss of data may begin to run so much later: its worker was stopped, or slow."""


@dataclass
class Findings:
    """Counts, and what is wrong. `duplicates`: begins of an attempt beyond its first, all of them explained or told
    among the problems."""

    workflows: int = 0
    effects: int = 0
    activities: int = 0
    attempts: int = 0
    duplicates: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Losses:
    """When Redis may have lost data: beginnings and ends by the machine's clock."""

    spans: Sequence[tuple[float, float]]

    def explain(self, begins: Sequence[float]) -> bool:
        """Whether a loss lies between the first and the last of these begins, or shortly before."""
        return any(began <= max(begins) and min(begins) <= ended + PAUSE_SECONDS for began, ended in self.spans)


def audit(books: Books, store: Store, losses: Losses, plan_for: Callable[[str], Plan]) -> Findings:
    """Judge a campaign whose load has ended.

    Args:
        plan_for: the plan of a workflow id.
    """
    findings = Findings(workflows=len(store.runs), effects=sum(map(len, books.effects.values())))
    say = findings.problems.append
    for workflow, entries in books.entries.items():
        plan = plan_for(workflow)
        runs = store.runs.get(workflow, [])
        if not runs and any(entry.what == ledger.STARTED for entry in entries):
            findings.lost += 1
            say(f"{workflow}: its start was acknowledged, and it is not in the store")
        for problem in (*_wrong_ends(plan, entries, runs), *_wrong_signals(plan, entries)):
            say(f"{workflow} ({plan.kind}): {problem}")
    for workflow, runs in store.runs.items():
        if workflow not in books.entries:
            say(f"{workflow}: it is in the store, and nobody started it")
            continue
        plan = plan_for(workflow)
        effects = books.effects.get(workflow, [])
        for run in runs:
            for problem in (
                *_wrong_history(run),
                *_wrong_visibility(run, store),
                *_wrong_attempts(run, effects, losses, findings),
                *_wrong_deeds(plan, run, effects),
            ):
                say(f"{workflow} ({plan.kind}): {problem}")
    for workflow in books.effects.keys() - store.runs.keys():
        say(f"{workflow}: its activities ran, and it is not in the store")
    for table, rows in store.left.items():
        if rows:
            say(f"{rows} rows are left in {table}")
    for reason in store.dead_letters:
        say(f"a dead letter: {reason}")
    return findings


# Ends ----------------------------------------------------------------------------------------------------------------
def _wrong_ends(plan: Plan, entries: Sequence[Entry], runs: Sequence[Run]) -> Iterator[str]:
    if len(runs) > 1:
        yield f"it ran {len(runs)} times"
    for run in runs:
        if run.status == "RUNNING":
            yield f"it has not ended; its last records: {[_name(record.event_type) for record in run.records[-4:]]}"
        elif run.status != status_of(plan):
            yield f"it ended as {run.status}, not {status_of(plan)}"
    told = [entry.value for entry in entries if entry.what == ledger.ENDED]
    for outcome in told:
        if runs and outcome["status"] != runs[-1].status:
            yield f"its client was told {outcome}, the store holds {runs[-1].status}"
        if outcome["status"] == "COMPLETED" and status_of(plan) == "COMPLETED":
            wrong = wrong_result(plan, outcome["result"])
            if wrong:
                yield wrong
    if not told:
        yield "its client was not told its end"


def _wrong_signals(plan: Plan, entries: Sequence[Entry]) -> Iterator[str]:
    if plan.kind is not Kind.BASKET:
        return
    tries: Counter[int] = Counter()
    accepted: set[int] = set()
    for entry in entries:
        if entry.what == ledger.SEND:
            tries[entry.value] += 1
        elif entry.what == ledger.SENT:
            accepted.add(entry.value)
        elif entry.what == ledger.SEEN and not accepted <= set(entry.value):
            yield f"a query saw {entry.value} after {sorted(accepted)} had been accepted"
        elif entry.what == ledger.ENDED and entry.value["status"] == "COMPLETED":
            held = Counter(entry.value["result"])
            if not accepted <= held.keys():
                yield f"signals {sorted(accepted - held.keys())} were accepted and are not in its result"
            for item, count in held.items():
                if count > tries[item]:
                    yield f"signal {item} was sent {tries[item]} times and took effect {count} times"


# Histories -----------------------------------------------------------------------------------------------------------
def _name(event_type: int) -> str:
    return EventType(event_type).name


def _wrong_history(run: Run) -> Iterator[str]:
    events = run.events
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        yield f"its event ids have gaps or repetitions: {[event.event_id for event in events]}"
    if len(events) != run.history_length:
        yield f"its row tells of {run.history_length} events, there are {len(events)}"
    if not events or events[0].event_type != EventType.WORKFLOW_EXECUTION_STARTED:
        yield "its history does not begin with its start"
    closings = [event for event in events if event.event_type in CLOSING]
    if run.status == "RUNNING":
        return
    if len(closings) != 1 or events[-1] is not closings[0]:
        yield f"its history does not end with its one closing event: {[_name(event.event_type) for event in closings]}"
    elif CLOSING[EventType(closings[0].event_type)] != run.status:
        yield f"its row says {run.status}, its history {_name(closings[0].event_type)}"


def _wrong_visibility(run: Run, store: Store) -> Iterator[str]:
    shown = store.visible.get(run.run_id)
    if shown != run.status:
        yield f"lists show it as {shown}, it is {run.status}"


# Attempts ------------------------------------------------------------------------------------------------------------
def _wrong_attempts(run: Run, effects: Sequence[Effect], losses: Losses, findings: Findings) -> Iterator[str]:
    begins: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for effect in effects:
        if effect.note == "begin":
            begins[effect.activity_id][effect.attempt].append(effect.at)
    activities = {activity.activity_id: activity for activity in run.activities()}
    findings.activities += len(activities)
    for activity_id in begins.keys() - activities.keys():
        yield f"activity {activity_id} ran, and its history does not know it"
    for activity in activities.values():
        begun = begins[activity.activity_id]
        findings.attempts += len(begun)
        for problem in (*_wrong_record(activity, begun), *_wrong_repetitions(activity, begun, losses, findings)):
            yield f"activity {activity.activity_id} ({activity.activity_type}): {problem}"


def _wrong_record(activity: RecordedActivity, begun: dict[int, list[float]]) -> Iterator[str]:
    if len(activity.closings) > 1:
        yield f"it closed {len(activity.closings)} times: {[_name(closing) for closing in activity.closings]}"
    if not activity.closings:
        return
    recorded = activity.attempt or max(activity.failed, default=0) + 1
    if activity.completed and activity.attempt not in begun:
        yield f"attempt {activity.attempt} is recorded as completed and never happened"
    if activity.completed and max(begun, default=0) > activity.attempt:
        yield f"attempt {activity.attempt} is recorded as completed, and attempts {sorted(begun)} happened"
    unknown = begun.keys() - activity.failed - {recorded}
    if unknown:
        yield f"attempts {sorted(unknown)} happened and are not recorded ({sorted(activity.failed)}, {recorded} are)"
    if activity.failed != set(range(1, recorded)):
        yield f"attempt {recorded} ended it, and attempts {sorted(activity.failed)} are recorded as failed"


def _wrong_repetitions(
    activity: RecordedActivity, begun: dict[int, list[float]], losses: Losses, findings: Findings
) -> Iterator[str]:
    for attempt, times in begun.items():
        if len(times) == 1:
            continue
        findings.duplicates += len(times) - 1
        if not losses.explain(times):
            yield f"attempt {attempt} ran {len(times)} times, and Redis had lost nothing: {sorted(times)}"
    if activity.activity_type == "charge" and sum(map(len, begun.values())) > 1:
        yield f"it ran at most once, and did {sum(map(len, begun.values()))} times"


# Deeds ---------------------------------------------------------------------------------------------------------------
def _wrong_deeds(plan: Plan, run: Run, effects: Sequence[Effect]) -> Iterator[str]:
    """What the effects of a kind of workflow must add up to."""
    if run.status == "RUNNING":
        return
    notes = {effect.note for effect in effects}
    if plan.kind is Kind.SAGA:
        booked = {f"{service}-{plan.number}" for service in services_of(plan)[:-1]} if plan.fails else set()
        undone = {note.removeprefix("undone ") for note in notes if note.startswith("undone ")}
        if undone != booked:
            yield f"it undid {sorted(undone)}, and should have undone {sorted(booked)}"
    elif plan.kind is Kind.CANCELLED:
        if not any(effect.activity_type == "clean_up" for effect in effects):
            yield "it was cancelled and did not clean up"
    elif plan.kind is Kind.BEATS:
        done = set()
        for effect in effects:
            what, _, value = effect.note.partition(" ")
            if what == "step":
                done.add(int(value))
            elif what == "resume" and int(value) and int(value) - 1 not in done:
                yield f"an attempt went on at step {value}, and the one before it was never taken"
