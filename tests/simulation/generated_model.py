"""What may become of a generated workflow, given its program and what was done to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perdure.converter import DataConverter
from perdure.exceptions import ActivityError, ApplicationError
from perdure.execution.instance import WorkflowInstance
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionSignaled
from perdure.protocol.failure import Failure
from perdure.protocol.updates import WorkflowExecutionUpdateAccepted
from perdure.workflow.definition import WorkflowDefinition
from tests.simulation.generated import Generated, told
from tests.simulation.generated_family import NOBODY, TAKEN, TERMINATED
from tests.simulation.model import Story
from tests.simulation.program_ends import (
    CANCELED,
    FAILS,
    OK,
    PASSES,
    child_outcomes,
    ends,
    local_outcomes,
    outcomes,
    outcomes_canceled,
)
from tests.simulation.programs import Program, Step

_converter = DataConverter.default


class GeneratedModel:
    """The `Model` of `Generated`."""

    def outcome_problem(self, story: Story) -> str | None:
        return "; ".join(_problems(story)) or None

    def replay_problem(self, story: Story) -> str | None:
        definition = WorkflowDefinition.of(Generated)
        assert definition is not None
        settings = WorkerSettings("default", "replay")
        instance = WorkflowInstance(definition, settings, RunIdentity(story.workflow_id, story.run_id))
        try:
            instance.replay(story.events)
        except Exception as error:  # whatever the code raises, it did not raise it when the history was made
            return f"{type(error).__name__}: {error}"
        finally:
            instance.close()
        return None


def _problems(story: Story) -> list[str]:
    program: Program = _converter.from_bytes(story.started.input)[0]
    possible = set(ends(program["steps"]))
    kind, closing = story.closing.event_type, story.closing.attributes
    if kind == EventType.WORKFLOW_EXECUTION_COMPLETED:
        return _completion_problems(story, program, possible)
    if kind == EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return _continuation_problems(story, program, possible)
    if kind == EventType.WORKFLOW_EXECUTION_FAILED:
        return _failure_problems(story, program, possible, closing.failure)
    if kind == EventType.WORKFLOW_EXECUTION_CANCELED:
        is_possible = story.cancels and (program["on_cancel"] != "swallow" or not _can_swallow(story))
        return [] if is_possible else ["canceled, though nobody asked for that, or it does not let itself be"]
    if kind == EventType.WORKFLOW_EXECUTION_TIMED_OUT:
        has_timeout = story.started.run_timeout_ms or story.started.execution_timeout_ms
        return [] if has_timeout else ["timed out, though it has no timeout"]
    return []  # terminated: whether somebody asked for that is another rule's matter


def _can_swallow(story: Story) -> bool:
    """Whether the program was at its steps when it was cancelled, and was not cancelled again. Before its first line,
    or while it waits for the handlers of its last signals and updates, it knows nothing of cancellation."""
    kinds = [event.event_type for event in story.events]
    if kinds.count(EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED) != 1 or story.signals or story.updates:
        return False
    before = kinds[: kinds.index(EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED)]
    return EventType.WORKFLOW_TASK_COMPLETED in before


def _completion_problems(story: Story, program: Program, possible: set[str]) -> list[str]:
    is_swallowed = bool(story.cancels) and program["on_cancel"] == "swallow"
    seen = _converter.value_from_bytes(story.closing.attributes.result)
    wrong = _seen_problems(story, program, seen, complete=not story.cancels)
    if not is_swallowed and (PASSES not in possible or "next" in program):
        wrong.append(f"completed, though it can only end by {sorted(possible)}, or go on")
    return wrong


def _continuation_problems(story: Story, program: Program, possible: set[str]) -> list[str]:
    """What goes on in another run is the next program, which knows all that this run has seen."""
    following = _converter.from_bytes(story.closing.attributes.input)[0]
    wrong = _seen_problems(story, program, following.pop("before"), complete=not story.cancels)
    if PASSES not in possible or following != program.get("next"):
        wrong.append(f"went on with {following}, though it can only end by {sorted(possible)}")
    return wrong


def _seen_problems(story: Story, program: Program, seen: Any, *, complete: bool) -> list[str]:
    before = program.get("before", {"signals": [], "updates": []})
    wrong = []
    for what, kind in (("signals", WorkflowExecutionSignaled), ("updates", WorkflowExecutionUpdateAccepted)):
        came = [_converter.value_from_bytes(event.attributes.input) for event in story.events if _is(event, kind)]
        if seen[what] != before[what] + came:
            wrong.append(f"it saw the {what} {seen[what]}, and {before[what] + came} had come")
    return wrong + _log_problems(story, program, seen["log"], complete=complete)


def _is(event: HistoryEvent, kind: type[Any]) -> bool:
    return isinstance(event.attributes, kind)


def _failure_problems(story: Story, program: Program, possible: set[str], failure: Failure) -> list[str]:
    error = _converter.from_failure(failure)
    if story.cancels:  # which makes any attempt the last one, so that a strict activity or a saga may fail by it
        possible = possible | CANCELED | set(FAILS.values()) | {"fails Saga"}
    if isinstance(error, ActivityError):
        problem = f"failed by an activity that {told(error)}; it may end by {sorted(possible)}"
        return [] if told(error) in possible else [problem]
    if not isinstance(error, ApplicationError) or f"fails {error.type}" not in possible:
        return [f"failed by {error!r}; it may end by {sorted(possible)}"]
    return _log_problems(story, program, error.details[0]["log"], complete=False)


# What the log says ----------------------------------------------------------------------------------------------------
def _log_problems(story: Story, program: Program, log: Sequence[Sequence[str]], *, complete: bool) -> list[str]:
    """`complete`: the workflow came to the end of its steps, so that nothing may be missing."""
    wrong = []
    said: dict[str, str] = {}
    for place, what in log:
        if place in said:
            wrong.append(f"step {place} ended twice: {said[place]}, then {what}")
        said[place] = what
    expected = {
        place: (allowed, needed) for place, allowed, needed in _expected(program["steps"], "", needed=not story.cancels)
    }
    for place, what in said.items():
        if place == "cleanup" or place.startswith(("signal ", "update ")):
            allowed = OK | CANCELED
        elif place in expected:
            allowed = expected[place][0]
        else:
            wrong.append(f"step {place} ({what}) is not in the program")
            continue
        if what not in allowed | _from_outside(story, place):
            wrong.append(f"step {place}: {what}, allowed: {sorted(allowed)}")
    if complete:
        missing = [place for place, (_, needed) in expected.items() if needed and place not in said]
        wrong += [f"step {place} is missing" for place in missing]
    wrong += _saga_problems(program["steps"], "", said, complete=complete)
    return wrong


def _from_outside(story: Story, place: str) -> set[str]:
    """What may become of a child by what others do: its id is taken by that of another run, or it is terminated."""
    found = {TAKEN} if story.has_siblings else set()
    return found | ({TERMINATED} if f"{story.workflow_id}/{place}" in story.terminated_ids else set())


Expected = tuple[str, frozenset[str], bool]


def _expected(steps: Sequence[Step], place: str, *, needed: bool) -> Iterator[Expected]:
    for number, step in enumerate(steps):
        yield from _expected_of(f"{place}{number}", needed, *step)


def _expected_of(place: str, needed: bool, kind: str, *arguments: Any) -> Iterator[Expected]:
    """Places of a step, what may be said of each, and whether something must be."""
    if kind == "act":
        yield place, outcomes(arguments[0]) if needed else outcomes_canceled(arguments[0]), needed
    elif kind == "timer":
        yield place, frozenset({"fired"}), needed
    elif kind == "all":
        for number, steps in enumerate(arguments[0]):
            yield from _expected(steps, f"{place}.{number}.", needed=needed)
        yield place, frozenset({"done"}), needed
    elif kind == "race":
        yield from _expected(arguments[1], f"{place}.", needed=False)
        yield place, frozenset({"done", "expired"}), needed
    elif kind == "first":
        for number, steps in enumerate(arguments[0]):
            yield from _expected(steps, f"{place}.{number}.", needed=False)
        yield place, frozenset({"done"}), needed
    elif kind == "signals":
        may_expire = len(arguments) > 1
        yield place, frozenset({"came", "expired"} if may_expire else {"came"}), needed
    elif kind == "saga":
        for number, spec in enumerate(arguments[0]):
            yield f"{place}.{number}", outcomes(spec) if needed else outcomes_canceled(spec), False
            yield f"{place}.undo {number}", OK if needed else OK | CANCELED, False
        yield place, frozenset({"done", "compensated"}), needed
    elif kind == "child":
        yield place, child_outcomes(arguments[0], is_canceled=not needed), needed
        if arguments[0].get("twice"):
            yield f"{place}.again", frozenset({TAKEN}), False
    elif kind == "local":
        yield place, local_outcomes(arguments[0], is_canceled=not needed), needed
    elif kind == "version":
        yield place, frozenset({"2" if arguments[0].startswith("version") else "True"}), needed
    elif kind == "set":
        yield place, frozenset({"set"}), needed
    elif kind == "tell":
        yield place, frozenset({"told", NOBODY}), needed
    elif kind == "fork":
        for number, steps in enumerate(arguments[1]):
            yield from _expected(steps, f"{place}.{number}.", needed=False)
        yield place, frozenset({"way 0", "way 1"}), needed
    elif kind == "fan":
        yield place, frozenset({f"{arguments[0]} done"}), needed
    elif kind == "flaky":
        yield place, frozenset({"passed"}), needed


def _saga_problems(steps: Sequence[Step], place: str, said: Mapping[str, str], *, complete: bool) -> Iterator[str]:
    """What completed is undone, in reverse order, if and only if something after it did not complete."""
    order = {name: number for number, name in enumerate(said)}
    for number, step in enumerate(steps):
        here = f"{place}{number}"
        if step[0] in ("all", "first"):
            for branch, inner in enumerate(step[1]):
                yield from _saga_problems(inner, f"{here}.{branch}.", said, complete=complete and step[0] == "all")
        elif step[0] == "race":
            yield from _saga_problems(step[2], f"{here}.", said, complete=False)
        elif step[0] == "saga":
            ends = [said.get(f"{here}.{index}") for index in range(len(step[1]))]
            has_failed = any(end not in (None, "ok") for end in ends)
            wanted = [f"{here}.undo {index}" for index, end in enumerate(ends) if end == "ok"][::-1]
            undone = sorted((name for name in said if name.startswith(f"{here}.undo ")), key=order.__getitem__)
            if said.get(here) == "compensated" and undone != wanted:
                yield f"saga {here} ended {ends} and undid {undone}"
            if undone and not has_failed and complete:
                yield f"saga {here} undid {undone}, though nothing had failed"
            if said.get(here) == "done" and (has_failed or undone):
                yield f"saga {here} is done with {ends} and undid {undone}"
