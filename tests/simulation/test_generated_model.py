"""The model of generated workflows: what it lets pass, and what it does not."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.protocol.events import (
    EventType,
    HistoryEvent,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from perdure.protocol.failure import RetryState
from tests import workflow_story
from tests.simulation.generated import Generated
from tests.simulation.generated_model import GeneratedModel
from tests.simulation.limit_plans import draw_limited_plan
from tests.simulation.model import Story
from tests.simulation.plans import draw_plan
from tests.simulation.programs import ACTIVITY_KINDS, Program, Step

PLAIN = {"kind": "plain", "ms": 1}
ONCE = {"kind": "once", "ms": 1}
FATAL = {"kind": "fatal", "ms": 1}
SAGA: list[Step] = [["saga", [PLAIN, PLAIN, FATAL], False]]
CHILD = {"program": {"steps": [["act", PLAIN]], "on_cancel": "raise"}, "policy": 1, "cancel": 1, "waits": True}
LATE_CHILD = CHILD | {"program": {"steps": [["hang"]], "on_cancel": "raise"}, "timeout_ms": 50}
FAILING_CHILD = CHILD | {"program": {"steps": [["fail", "Planned"]], "on_cancel": "raise"}}
UNDONE = [["0.0", "ok"], ["0.1", "ok"], ["0.2", "failed Fatal"], ["0.undo 1", "ok"], ["0.undo 0", "ok"]]

_converter = DataConverter.default


def _told(
    steps: list[Step],
    closing: tuple[EventType, Any],
    *came: str,
    cancels: int = 0,
    timeout_ms: int = 0,
    program: Program | None = None,
) -> Any:
    program = {"steps": steps, "on_cancel": "raise"} | (program or {})
    started = WorkflowExecutionStarted(
        "Generated", "queue", _converter.to_bytes((program,)), "wf", run_timeout_ms=timeout_ms
    )
    attributes: list[tuple[EventType, Any]] = [(EventType.WORKFLOW_EXECUTION_STARTED, started)]
    for label in came:
        signal = WorkflowExecutionSignaled("go", _converter.to_bytes((label,)), "me", label)
        attributes.append((EventType.WORKFLOW_EXECUTION_SIGNALED, signal))
    attributes.append(closing)
    events = [HistoryEvent(number, 0, *fields) for number, fields in enumerate(attributes, 1)]
    story = Story("wf", "run", started, events, events[-1], came, ["cancel"] * cancels, [])
    return GeneratedModel().outcome_problem(story)


def _completed(log: list[list[str]], *seen: str) -> tuple[EventType, Any]:
    result = _converter.value_to_bytes({"log": log, "signals": seen, "updates": []})
    return EventType.WORKFLOW_EXECUTION_COMPLETED, WorkflowExecutionCompleted(result, 1)


def _failed(kind: str, log: list[list[str]]) -> tuple[EventType, Any]:
    failure = _converter.to_failure(ApplicationError("so", {"log": log, "signals": []}, type=kind))
    attributes = WorkflowExecutionFailed(failure, RetryState.RETRY_POLICY_NOT_SET, 1)
    return EventType.WORKFLOW_EXECUTION_FAILED, attributes


CANCELED = EventType.WORKFLOW_EXECUTION_CANCELED, WorkflowExecutionCanceled(b"", 1)
TIMED_OUT = EventType.WORKFLOW_EXECUTION_TIMED_OUT, WorkflowExecutionTimedOut(RetryState.TIMEOUT)
TERMINATED = EventType.WORKFLOW_EXECUTION_TERMINATED, WorkflowExecutionTerminated("", b"", "me")


@pytest.mark.parametrize(
    ("steps", "log"),
    [
        ([["act", PLAIN], ["timer", 5]], [["0", "ok"], ["1", "fired"]]),
        ([["act", ONCE]], [["0", "timeout HEARTBEAT"]]),
        ([["race", 5, [["act", PLAIN]]]], [["0", "expired"]]),
        ([["all", [[["act", PLAIN]], [["timer", 1]]]]], [["0.1.0", "fired"], ["0.0.0", "ok"], ["0", "done"]]),
        (SAGA, [*UNDONE, ["0", "compensated"]]),
        ([["child", CHILD], ["tell", "wf-2", "signal"]], [["0", "ok"], ["1", "nobody"]]),
        ([["child", CHILD | {"waits": False}]], [["0", "started"]]),
        ([["child", LATE_CHILD]], [["0", "timeout"]]),
        ([["child", FAILING_CHILD | {"twice": True}]], [["0.again", "taken"], ["0", "failed Planned"]]),
        ([["race", 5, [["child", CHILD]]]], [["0.0", "canceled"], ["0", "expired"]]),
    ],
)
def test_what_a_program_may_come_to(steps: list[Step], log: list[list[str]]) -> None:
    assert _told(steps, _completed(log)) is None


@pytest.mark.parametrize(
    ("steps", "log", "problem"),
    [
        ([["act", PLAIN]], [["0", "timeout HEARTBEAT"]], "step 0: timeout HEARTBEAT"),
        ([["act", PLAIN], ["timer", 5]], [["0", "ok"]], "step 1 is missing"),
        ([["act", PLAIN]], [["0", "ok"], ["0", "ok"]], "step 0 ended twice"),
        ([["act", PLAIN]], [["0", "ok"], ["7", "ok"]], r"step 7 \(ok\) is not in the program"),
        ([["child", CHILD]], [["0", "canceled"]], "step 0: canceled"),
        ([["child", CHILD]], [["0", "terminated"]], "step 0: terminated"),
        ([["child", CHILD]], [["0", "taken"]], "step 0: taken"),
        ([["child", LATE_CHILD]], [["0", "ok"]], "step 0: ok"),
        ([["child", FAILING_CHILD]], [["0", "ok"]], "step 0: ok"),
        ([["fail", "Planned"]], [], "completed, though it can only end by"),
        ([["hang"]], [], "completed, though it can only end by"),
        (SAGA, [*UNDONE[:4], ["0", "compensated"]], "undid"),
        (SAGA, [*UNDONE[:3], UNDONE[4], UNDONE[3], ["0", "compensated"]], "undid"),
        (SAGA, [*UNDONE[:3], ["0", "done"]], "is done with"),
    ],
)
def test_what_it_may_not(steps: list[Step], log: list[list[str]], problem: str) -> None:
    assert re.search(problem, _told(steps, _completed(log)) or "")


def test_signals_are_seen_once_and_in_order() -> None:
    assert _told([], _completed([], "a", "b"), "a", "b") is None
    assert "it saw the signals ['b', 'a']" in _told([], _completed([], "b", "a"), "a", "b")
    assert "it saw the signals ['a']" in _told([], _completed([], "a"), "a", "b")


def test_what_goes_on_is_the_next_program_with_all_that_was_seen() -> None:
    following: Program = {"steps": [["timer", 1]], "on_cancel": "raise"}
    before = {"id": "wf", "log": [["0", "ok"]], "signals": ["a"], "updates": []}

    def told(given: Program) -> Any:
        went_on = WorkflowExecutionContinuedAsNew("r", "Generated", "q", _converter.to_bytes((given,)), 0, 0, 1)
        closing = EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW, went_on
        return _told([["act", PLAIN]], closing, "a", program={"next": following})

    assert told(following | {"before": before}) is None
    assert "it saw the signals []" in told(following | {"before": before | {"signals": []}})
    assert "went on with" in told({"steps": [], "on_cancel": "raise", "before": before})
    assert "or go on" in _told([], _completed([]), program={"next": following})


def test_failures() -> None:
    steps: list[Step] = [["act", PLAIN], ["fail", "Planned"]]
    assert _told(steps, _failed("Planned", [["0", "ok"]])) is None
    assert "it may end by ['fails Planned']" in _told(steps, _failed("Broken", []))
    assert "step 0: failed X" in _told(steps, _failed("Planned", [["0", "failed X"]]))
    assert "it may end by ['passes']" in _told([["act", PLAIN]], _failed("Planned", []))


def test_ends_from_outside_need_somebody_who_asked() -> None:
    assert _told([["hang"]], CANCELED, cancels=1) is None
    assert "nobody asked" in _told([["hang"]], CANCELED)
    assert _told([["hang"]], TIMED_OUT, timeout_ms=5) is None
    assert "no timeout" in _told([["hang"]], TIMED_OUT)
    assert _told([["hang"]], TERMINATED) is None


def test_code_that_does_something_else_is_noticed() -> None:
    program: Program = {"steps": [["act", PLAIN]], "on_cancel": "raise"}
    live = workflow_story.Story(Generated, program)
    live.task()
    live.complete_activity("1", {"place": "0", "pad": ""})
    live.task()
    started = live.events[0].attributes
    told = Story("wf", workflow_story.RUN_ID, started, live.events, live.events[-1], [], [], [])
    assert GeneratedModel().replay_problem(told) is None
    other = started._replace(input=_converter.to_bytes(({"steps": [["timer", 5]], "on_cancel": "raise"},)))
    events = [live.events[0]._replace(attributes=other), *live.events[1:]]
    changed = Story("wf", workflow_story.RUN_ID, other, events, events[-1], [], [], [])
    assert "NondeterminismError" in (GeneratedModel().replay_problem(changed) or "")


def test_plans_have_everything_and_depend_on_their_generator_alone() -> None:
    plans = [draw_plan(number, random.Random(f"plan {number}"), 20.0) for number in range(3_000)]
    assert plans == [draw_plan(number, random.Random(f"plan {number}"), 20.0) for number in range(3_000)]
    text = str(plans)
    kinds = [
        "act",
        "timer",
        "all",
        "race",
        "first",
        "signals",
        "saga",
        "fan",
        "fork",
        "flaky",
        "fail",
        "hang",
        "child",
        "tell",
        "local",
        "version",
        "set",
    ]
    assert [kind for kind in kinds if f"['{kind}'" not in text] == []
    limited = str([draw_limited_plan(number, random.Random(f"limited {number}"), 20.0) for number in range(300)])
    assert [kind for kind in ACTIVITY_KINDS if f"'kind': '{kind}'" not in text + limited] == []
    acts = {act.kind for plan in plans for act in plan.acts}
    assert acts == {
        "cancel",
        "delete",
        "terminate",
        "query",
        "describe",
        "history",
        "list",
        "result",
        "pause",
        "reset",
        "end_child",
    }
    assert {rival.conflict.name for plan in plans for rival in plan.rivals} == {
        "FAIL",
        "USE_EXISTING",
        "TERMINATE_EXISTING",
    }
    assert {rival.reuse.name for plan in plans for rival in plan.rivals} == {
        "ALLOW_DUPLICATE",
        "ALLOW_DUPLICATE_FAILED_ONLY",
        "REJECT_DUPLICATE",
    }
