"""Each rule of the audit finds what breaks it, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol import events
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.retry import RetryPolicyData
from tests.chaos import ledger
from tests.chaos.audit import Findings, Losses, audit
from tests.chaos.ledger import Books, Effect, Entry
from tests.chaos.plans import Kind, Plan
from tests.chaos.records import Run, Store

AGENT, BASKET, SAGA, ONCE, CANCELLED, BEATS = "d-1", "d-2", "d-3", "d-4", "d-5", "d-6"

PLANS = {
    AGENT: Plan(1, Kind.AGENT, 3, 0.0),
    BASKET: Plan(2, Kind.BASKET, 2, 0.0),
    SAGA: Plan(3, Kind.SAGA, 2, 0.0, fails=True),
    ONCE: Plan(4, Kind.ONCE, 1, 0.0),
    CANCELLED: Plan(5, Kind.CANCELLED, 1, 0.0),
    BEATS: Plan(6, Kind.BEATS, 2, 0.0),
}

FAILURE = Failure.of("no", ApplicationInfo())


class Scene:
    """A campaign that went well, to be spoiled: one workflow of each kind that has rules of its own."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = {}
        self.effects: dict[str, list[Effect]] = {}
        self.runs: dict[str, list[Run]] = {}
        self.visible: dict[str, str] = {}
        self.left = {"transfer_tasks": 0}
        self.dead_letters: list[str] = []
        self.spans: list[tuple[float, float]] = []
        self.clock = 0.0
        self._tell_stories()

    def _tell_stories(self) -> None:
        self.begin(AGENT)
        self.attempt(AGENT, "1", "work", 1, failed=True)
        self.attempt(AGENT, "1", "work", 2)
        self.end(AGENT, "COMPLETED", "answer to context of 1")
        self.begin(BASKET)
        for item in (0, 1):
            self.enter(BASKET, ledger.SEND, item)
            self.enter(BASKET, ledger.SENT, item)
            self.enter(BASKET, ledger.SEEN, list(range(item + 1)))
        self.end(BASKET, "COMPLETED", [0, 1])
        self.begin(SAGA)
        self.attempt(SAGA, "1", "undo", 1, "undone flight-3")
        self.end(SAGA, "COMPLETED", {"undone": ["flight-3"]})
        self.begin(ONCE)
        self.attempt(ONCE, "1", "charge", 1)
        self.end(ONCE, "COMPLETED", "charged")
        self.begin(CANCELLED)
        self.attempt(CANCELLED, "1", "clean_up", 1)
        self.end(CANCELLED, "CANCELED", "enough")
        self.begin(BEATS)
        self.attempt(BEATS, "1", "count_steps", 1, "step 0", failed=True)
        self.attempt(BEATS, "1", "count_steps", 2, "resume 1", "step 1")
        self.end(BEATS, "COMPLETED", 2)

    def judge(self) -> Findings:
        store = Store(self.runs, self.visible, self.left, self.dead_letters)
        return audit(Books(self.effects, self.entries), store, Losses(self.spans), PLANS.__getitem__)

    # Telling ---------------------------------------------------------------------------------------------------------
    def now(self) -> float:
        self.clock += 1
        return self.clock

    def enter(self, workflow: str, what: str, value: Any = None) -> None:
        self.entries.setdefault(workflow, []).append(Entry(workflow, what, value, self.now()))

    def begin(self, workflow: str) -> None:
        self.enter(workflow, ledger.START)
        self.enter(workflow, ledger.STARTED, f"run of {workflow}")
        self.runs[workflow] = [Run(workflow, f"run of {workflow}", "RUNNING", 0)]
        self.record(workflow, EventType.WORKFLOW_EXECUTION_STARTED, None)

    def record(self, workflow: str, event_type: EventType, attributes: Any, *, annotation: bool = False) -> int:
        run = self.runs[workflow][0]
        event_id = 0 if annotation else run.history_length + 1
        run.history_length += not annotation
        run.records.append(HistoryEvent(event_id, 0, event_type, attributes))
        return event_id

    def attempt(
        self, workflow: str, activity_id: str, activity_type: str, attempt: int, *notes: str, failed: bool = False
    ) -> None:
        """One attempt of an activity, with its effects; the first one schedules it."""
        for note in ("begin", *notes):
            self.effect(workflow, activity_id, activity_type, attempt, note)
        if attempt == 1:
            self.record(workflow, EventType.ACTIVITY_TASK_SCHEDULED, _scheduled(activity_id, activity_type))
        scheduled = next(
            record.event_id
            for record in self.runs[workflow][0].records
            if record.event_type == EventType.ACTIVITY_TASK_SCHEDULED and record.attributes.activity_id == activity_id
        )
        if failed:
            annotation = events.ActivityAttemptFailed(scheduled, attempt, FAILURE, "", 0)
            self.record(workflow, EventType.ACTIVITY_ATTEMPT_FAILED, annotation, annotation=True)
            return
        started = events.ActivityTaskStarted(scheduled, "", attempt)
        started_id = self.record(workflow, EventType.ACTIVITY_TASK_STARTED, started)
        completed = events.ActivityTaskCompleted(b"", scheduled, started_id)
        self.record(workflow, EventType.ACTIVITY_TASK_COMPLETED, completed)

    def effect(self, workflow: str, activity_id: str, activity_type: str, attempt: int, note: str = "begin") -> None:
        effect = Effect(workflow, activity_id, activity_type, attempt, note, self.now(), 1)
        self.effects.setdefault(workflow, []).append(effect)

    def end(self, workflow: str, status: str, result: Any) -> None:
        self.record(workflow, EventType[f"WORKFLOW_EXECUTION_{status}"], None)
        self.runs[workflow][0].status = status
        self.visible[f"run of {workflow}"] = status
        self.enter(workflow, ledger.ENDED, {"status": status, "result": result})

    # Spoiling --------------------------------------------------------------------------------------------------------
    def drop(self, workflow: str, event_type: EventType) -> None:
        run = self.runs[workflow][0]
        run.records = [record for record in run.records if record.event_type != event_type]

    def answer(self, workflow: str, value: Any, what: str = ledger.ENDED) -> None:
        """Let the client have been told something else."""
        told = {"status": "COMPLETED", "result": value} if what == ledger.ENDED else value
        self.entries[workflow] = [
            Entry(workflow, what, told, entry.at) if entry.what == what else entry for entry in self.entries[workflow]
        ]


def _scheduled(activity_id: str, activity_type: str) -> events.ActivityTaskScheduled:
    return events.ActivityTaskScheduled(activity_id, activity_type, "q", b"", 0, 0, 1, 0, RetryPolicyData(), 4)


def test_nothing_is_wrong_where_all_is_well() -> None:
    findings = Scene().judge()
    assert findings.problems == []
    assert (findings.workflows, findings.activities, findings.attempts, findings.duplicates) == (6, 5, 7, 0)


SPOILED: dict[str, tuple[Callable[[Scene], object], str]] = {
    "a lost start": (lambda scene: scene.runs.pop(AGENT), "its start was acknowledged, and it is not in the store"),
    "a run of nobody": (lambda scene: scene.entries.pop(AGENT), "nobody started it"),
    "a second run": (lambda scene: scene.runs[AGENT].append(scene.runs[AGENT][0]), "it ran 2 times"),
    "an unfinished run": (lambda scene: setattr(scene.runs[AGENT][0], "status", "RUNNING"), "it has not ended"),
    "a failed run": (lambda scene: setattr(scene.runs[AGENT][0], "status", "FAILED"), "it ended as FAILED"),
    "a wrong result": (lambda scene: scene.answer(AGENT, "nonsense"), "returned 'nonsense'"),
    "another end": (lambda scene: scene.answer(CANCELLED, None), "its client was told"),
    "no end": (lambda scene: scene.entries[AGENT].pop(), "its client was not told its end"),
    "a gap": (lambda scene: scene.drop(AGENT, EventType.ACTIVITY_TASK_STARTED), "gaps or repetitions"),
    "no beginning": (lambda scene: scene.drop(AGENT, EventType.WORKFLOW_EXECUTION_STARTED), "does not begin with"),
    "no closing event": (
        lambda scene: scene.drop(AGENT, EventType.WORKFLOW_EXECUTION_COMPLETED),
        "does not end with its one closing event",
    ),
    "a stale list": (lambda scene: scene.visible.update({f"run of {AGENT}": "RUNNING"}), "lists show it as RUNNING"),
    "rows left over": (lambda scene: scene.left.update(transfer_tasks=2), "2 rows are left in transfer_tasks"),
    "a dead letter": (lambda scene: scene.dead_letters.append("poison"), "a dead letter: poison"),
    "an attempt never made": (lambda scene: scene.effects[AGENT].pop(), "is recorded as completed and never happened"),
    "an attempt after the end": (
        lambda scene: scene.effect(AGENT, "1", "work", 3),
        "attempt 2 is recorded as completed, and attempts [1, 2, 3] happened",
    ),
    "an unknown activity": (lambda scene: scene.effect(AGENT, "9", "work", 1), "its history does not know it"),
    "effects without a run": (lambda scene: scene.effect("d-9", "1", "work", 1), "its activities ran, and it is not"),
    "a failure unrecorded": (
        lambda scene: scene.drop(AGENT, EventType.ACTIVITY_ATTEMPT_FAILED),
        "attempts [1] happened and are not recorded",
    ),
    "a double close": (
        lambda scene: scene.record(AGENT, EventType.ACTIVITY_TASK_COMPLETED, events.ActivityTaskCompleted(b"", 2, 3)),
        "it closed 2 times",
    ),
    "a repeated attempt": (lambda scene: scene.effect(AGENT, "1", "work", 2), "Redis had lost nothing"),
    "twice at most once": (lambda scene: scene.effect(ONCE, "1", "charge", 1), "it ran at most once, and did 2 times"),
    "a lost signal": (lambda scene: scene.answer(BASKET, [0]), "signals [1] were accepted and are not in its result"),
    "a doubled signal": (lambda scene: scene.answer(BASKET, [0, 1, 1]), "signal 1 was sent 1 times and took effect 2"),
    "a stale query": (lambda scene: scene.answer(BASKET, [0], ledger.SEEN), "a query saw [0] after [0, 1]"),
    "an undone compensation": (lambda scene: scene.effects[SAGA].pop(), "it undid []"),
    "no clean-up": (lambda scene: scene.effects.pop(CANCELLED), "it was cancelled and did not clean up"),
    "a skipped step": (
        lambda scene: scene.effects[BEATS].pop(1),
        "an attempt went on at step 1, and the one before it was never taken",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(name: str) -> None:
    spoil, words = SPOILED[name]
    scene = Scene()
    spoil(scene)
    problems = scene.judge().problems
    assert any(words in problem for problem in problems), problems


def test_a_lost_start_is_counted() -> None:
    scene = Scene()
    del scene.runs[AGENT]
    assert scene.judge().lost == 1


def test_an_attempt_may_run_again_after_a_loss_of_data() -> None:
    scene = Scene()
    scene.spans.append((scene.clock, scene.clock + 1))
    scene.effect(AGENT, "1", "work", 2)
    findings = scene.judge()
    assert findings.problems == []
    assert findings.duplicates == 1


def test_what_may_happen_at_most_once_may_not_happen_again_after_a_loss_either() -> None:
    scene = Scene()
    scene.spans.append((scene.clock, scene.clock + 1))
    scene.effect(ONCE, "1", "charge", 1)
    assert any("it ran at most once" in problem for problem in scene.judge().problems)
