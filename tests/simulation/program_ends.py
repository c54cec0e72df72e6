"""How activities, children and steps of generated programs may end, whatever fails meanwhile.

Engines and workers may fail in between as they like: that may cost attempts and time, so an activity that has attempts
left must come to its own end all the same, and only one that had none left may end by its worker's loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.simulation.programs import Program, Spec, Step

LOST = frozenset({"timeout HEARTBEAT", "timeout START_TO_CLOSE", "failed WorkerShutdown"})
"""What may become of an attempt whatever it does: its worker was lost, was stopped for long, or was shut down."""

OK = frozenset({"ok"})

CANCELED = LOST | {"canceled"}

FAILS = {"retry": "failed Passing", "delayed": "failed Passing"}
"""What attempts that are not the last fail with."""

_OUTCOMES: Mapping[str, frozenset[str]] = {
    "once": OK | LOST,
    "once doomed": LOST | {"failed ValueError"},
    "fatal": frozenset({"failed Fatal"}),
    "listed": frozenset({"failed Listed"}),
    "doomed": LOST | {"failed ValueError"},
    "late": LOST,
    "silent": LOST,
    "spent": LOST | {"failed Spent", "timeout SCHEDULE_TO_CLOSE"},
    "endless": LOST | {"timeout SCHEDULE_TO_CLOSE"},
    "nobody": OK | LOST | {"timeout SCHEDULE_TO_START"},
}
"""What may become of an activity that nobody cancels; of other kinds: only that it completes."""

PASSES = "passes"
"""The end of steps that are followed by the next ones."""

_CANCELED_CHILD = frozenset({"ok", "canceled", "failed ActivityError", "failed Saga"})
"""How a child that is cancelled may end, besides its own ends: each attempt of an activity may be the last one then."""


def outcomes(spec: Spec) -> frozenset[str]:
    """What may become of an activity that nobody cancels."""
    return _OUTCOMES.get(spec["kind"], OK)


def outcomes_canceled(spec: Spec) -> frozenset[str]:
    """What may become of an activity whose workflow, or part of it, is cancelled: no attempt is followed by another."""
    kind = spec["kind"]
    return outcomes(spec) | CANCELED | ({FAILS[kind]} if kind in FAILS else set())


def local_outcomes(spec: Spec, *, is_canceled: bool) -> frozenset[str]:
    """What may become of a local activity: a worker that is lost costs it nothing."""
    fails = spec.get("attempts") and spec["attempts"] <= spec.get("fails", 0)
    found = frozenset({"failed Passing"}) if fails else OK
    return found | ({"canceled", "failed Passing"} if is_canceled else set())


def child_outcomes(spec: Spec, *, is_canceled: bool) -> frozenset[str]:
    """What a parent may know of a child in the end. `is_canceled`: the parent, or part of it, may have been."""
    found = {_seen_of_child(end) for end in _ends_of_runs(spec["program"])} if spec["waits"] else {"started"}
    if spec["waits"] and spec.get("timeout_ms"):
        found.add("timeout")
    return frozenset(found) | (_CANCELED_CHILD if is_canceled else frozenset())


def _ends_of_runs(program: Program) -> set[str]:
    """How a program may end, the ones that follow it included."""
    found = set(ends(program["steps"]))
    if "next" in program and PASSES in found:
        found = (found - {PASSES}) | _ends_of_runs(program["next"])
    return found


def _seen_of_child(end: str) -> str:
    """How the end of a child looks to its parent."""
    if end == PASSES:
        return "ok"
    return f"failed {end.removeprefix('fails ')}" if end.startswith("fails ") else "failed ActivityError"


def ends(steps: Sequence[Step]) -> Iterator[str]:
    """How steps, one after the other, may end: PASSES, or what ends the workflow."""
    for step in steps:
        found = set(_ends_of(*step))
        yield from found - {PASSES}
        if PASSES not in found:
            return
    yield PASSES


def _ends_of(kind: str, *arguments: Any) -> Iterator[str]:
    if kind == "act":
        (spec,) = arguments
        if not spec.get("strict"):
            yield PASSES
            return
        for outcome in outcomes(spec):
            yield PASSES if outcome == "ok" else outcome
    elif kind == "saga":
        specs, raises = arguments
        can_complete = all("ok" in outcomes(spec) for spec in specs)
        if can_complete or not raises:
            yield PASSES
        if raises and any(outcomes(spec) != OK for spec in specs):
            yield "fails Saga"
    elif kind == "fail":
        yield f"fails {arguments[0]}"
    elif kind != "hang":
        yield PASSES  # what is nested neither is strict nor fails
