"""Rules about schedules: what is due is counted by hand here, and what was started is found by its id.

Where the clocks of engines are off, moments near a change may be taken either way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from perdure.client import ScheduleOverlapPolicy
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.ledger import Told
from tests.simulation.process import EPOCH_US
from tests.simulation.rules import Finding, Rule
from tests.simulation.schedule_plans import BACKFILL_S, END_S, REPLACES, SchedulePlan

SECOND_US = 1_000_000
EPOCH_S = EPOCH_US // SECOND_US

OFF_S = 25.0
"""So far a clock that is off may be off."""

WAITS_FOR_NOTHING = (ScheduleOverlapPolicy.SKIP, ScheduleOverlapPolicy.ALLOW_ALL)
LEAVES_OUT = (ScheduleOverlapPolicy.SKIP, ScheduleOverlapPolicy.BUFFER_ONE)


@dataclass(frozen=True, order=True)
class Action:
    """What a schedule has started. `nominal_us`: the moment behind its id; the times are those of its shard."""

    begin_us: int
    end_us: float
    nominal_us: int
    run_id: str


@dataclass
class ScheduleStory:
    """Attributes:
    taken: what it started for its spec; `backfilled`: for times before the simulation; `by_hand`: when triggered.
    told: what clients asked for. `may_be_late`: there may have been no engine for a while.
    """

    plan: SchedulePlan
    told: dict[str, list[Told]]
    off_s: float
    may_be_late: bool
    taken: list[Action] = field(default_factory=list)
    backfilled: list[Action] = field(default_factory=list)
    by_hand: list[Action] = field(default_factory=list)

    @property
    def all(self) -> list[Action]:
        return sorted([*self.taken, *self.backfilled, *self.by_hand])

    def may_be(self, kind: str) -> int:
        """How often something was asked for, acknowledged or not."""
        return len(self.told.get(kind, ()))

    def possible(self) -> list[int]:
        """The seconds that an action may have been taken for."""
        created = self.told["create"][0]
        return self.plan.due.moments(created.begin_s - self.off_s, END_S)

    def sure(self) -> list[int]:
        """The seconds that an action is due at: behind the creation, and not near a pause. What waits when one begins,
        for another action or for an engine, is given up."""
        created = self.told["create"][0]
        if created.end_s is None or self.plan.remaining:
            return []
        found = self.plan.due.moments(created.end_s + self.off_s + self.plan.jitter_s, END_S)
        for begin, end in self._pauses():
            if self.may_be_late or self.plan.overlap not in (
                ScheduleOverlapPolicy.ALLOW_ALL,
                ScheduleOverlapPolicy.SKIP,
            ):
                begin = -math.inf
            found = [second for second in found if not begin <= second - EPOCH_S <= end]
        return found

    def paused(self) -> list[int]:
        """The seconds that no action may have been taken for."""
        found: list[int] = []
        unpauses = self.told.get("unpause", [])
        for place, pause in enumerate(self.told.get("pause", [])):
            if pause.end_s is not None and place < len(unpauses):
                margin_s = self.off_s + self.plan.jitter_s
                found += self.plan.due.moments(pause.end_s + margin_s, unpauses[place].begin_s - margin_s)
        return found

    def _pauses(self) -> Iterator[tuple[float, float]]:
        unpauses = self.told.get("unpause", [])
        for place, pause in enumerate(self.told.get("pause", [])):
            end_s = unpauses[place].end_s if place < len(unpauses) else None
            margin_s = self.off_s + self.plan.jitter_s
            yield pause.begin_s - margin_s, (math.inf if end_s is None else end_s) + margin_s


def _stories(evidence: Evidence) -> Iterator[ScheduleStory]:
    off_s = 0.0 if evidence.ledger.clocks_are_right else OFF_S
    begun = _begun(evidence)
    for plan in evidence.ledger.schedule_plans:
        told = evidence.ledger.schedules.get(plan.schedule_id, {})
        if "create" not in told:
            continue
        story = ScheduleStory(plan, told, off_s, evidence.ledger.has_faults)
        for id, action in begun:
            if id.startswith(f"{plan.action_id}-"):
                if action.nominal_us % SECOND_US:
                    story.by_hand.append(action)
                elif action.nominal_us < EPOCH_US - 20 * SECOND_US:
                    story.backfilled.append(action)
                else:
                    story.taken.append(action)
        yield story


def _begun(evidence: Evidence) -> list[tuple[str, Action]]:
    """Everything whose id has a moment behind it."""
    found: list[tuple[str, int, float, str]] = [
        (run.row.workflow_id, run.row.start_time_us, run.row.close_time_us or math.inf, run.row.run_id)
        for run in evidence.runs.values()
    ]
    found += [
        (each.activity_id, each.scheduled_us, each.row.close_time_us if each.row else math.inf, each.activity_run_id)
        for each in evidence.tasks.executions.values()
    ]
    return [
        (id, Action(begin_us, end_us, _nominal_us(id), run_id))
        for id, begin_us, end_us, run_id in found
        if id.startswith("schedule-")
    ]


def _nominal_us(id: str) -> int:
    """The moment behind an id: a date has two dashes."""
    at = datetime.fromisoformat("-".join(id.rsplit("-", 3)[1:]).replace("Z", "+00:00"))
    return round(at.timestamp() * 1_000) * 1_000


def check_once(evidence: Evidence) -> Iterator[Finding]:
    """Nothing is started twice for one moment, nor for a moment that is none."""
    for story in _stories(evidence):
        name = story.plan.schedule_id
        possible = {second * SECOND_US for second in story.possible()}
        backfill = {second * SECOND_US for second in story.plan.due.moments(*BACKFILL_S)}
        for actions, moments, most in (
            (story.taken, possible, 1),
            (story.backfilled, backfill, story.may_be("backfill")),
        ):
            for nominal_us, count in Counter(action.nominal_us for action in actions).items():
                at_s = nominal_us / SECOND_US - EPOCH_S
                if nominal_us not in moments:
                    yield Finding(Rule.SCHEDULED_ONCE, f"{name} took an action for {at_s:g} s, which is none of its")
                elif count > most:
                    yield Finding(Rule.SCHEDULED_ONCE, f"{name} took {count} actions for {at_s:g} s")
        asked = story.may_be("trigger") + story.plan.triggers
        if len(story.by_hand) > asked:
            yield Finding(Rule.SCHEDULED_ONCE, f"{name} was triggered {asked} times: {story.by_hand}")
        if story.plan.remaining and len(story.taken) > story.plan.remaining:
            text = f"{name} took {len(story.taken)} actions by itself; it had {story.plan.remaining}"
            yield Finding(Rule.SCHEDULED_ONCE, text)
        for second in story.paused():
            if any(action.nominal_us == second * SECOND_US for action in story.taken):
                yield Finding(Rule.SCHEDULED_ONCE, f"{name} took an action for {second - EPOCH_S} s, and was paused")
        for action in story.taken:
            if not story.off_s and action.begin_us < action.nominal_us:
                yield Finding(Rule.SCHEDULED_ONCE, f"{name} was early: {action}")


def check_missed(evidence: Evidence) -> Iterator[Finding]:
    """What is due is started, or something that was started explains why it was not."""
    for story in _stories(evidence):
        plan = story.plan
        if plan.catchup_s is not None:
            continue  # what came too late may be missed
        taken = {action.nominal_us for action in story.taken}
        for second in story.sure():
            if second * SECOND_US not in taken and not _is_explained(story, second * SECOND_US):
                text = f"{plan.schedule_id} took no action for {second - EPOCH_S} s: {story.all}"
                yield Finding(Rule.SCHEDULED_ALL, text)
        if plan.overlap == ScheduleOverlapPolicy.ALLOW_ALL or not story.taken:
            asked = sum(told.end_s is not None for told in story.told.get("trigger", ())) + plan.triggers
            if len(story.by_hand) < asked and plan.overlap == ScheduleOverlapPolicy.ALLOW_ALL:
                yield Finding(Rule.SCHEDULED_ALL, f"{plan.schedule_id} was triggered {asked} times: {story.by_hand}")
        for told in story.told.get("backfill", ()):
            missing = {second * SECOND_US for second in plan.due.moments(*BACKFILL_S)}
            missing -= {action.nominal_us for action in story.backfilled}
            if told.end_s is not None and missing:
                text = f"{plan.schedule_id} backfilled {len(story.backfilled)} actions; {len(missing)} are missing"
                yield Finding(Rule.SCHEDULED_ALL, text)


def _is_explained(story: ScheduleStory, nominal_us: int) -> bool:
    """Whether an action may have been left out, by its policy and what else was started."""
    slack_us = story.off_s * SECOND_US
    if story.plan.overlap in LEAVES_OUT:
        return any(action.end_us >= nominal_us - slack_us for action in story.all if action.nominal_us != nominal_us)
    if story.plan.overlap in REPLACES:
        return any(action.nominal_us > nominal_us for action in story.all)
    return False


def check_overlap(evidence: Evidence) -> Iterator[Finding]:
    """What may not run beside others does not. Backfills may have a policy of their own."""
    for story in _stories(evidence):
        if story.plan.overlap == ScheduleOverlapPolicy.ALLOW_ALL or story.off_s:
            continue
        for before, after in pairwise(sorted([*story.taken, *story.by_hand])):
            if after.begin_us < before.end_us:
                text = f"{story.plan.schedule_id}: {after} began beside {before}"
                yield Finding(Rule.SCHEDULED_APART, text)


CHECKS: list[Callable[[Evidence], Iterator[Finding]]] = [check_once, check_missed, check_overlap]
