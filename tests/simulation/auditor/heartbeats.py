"""Rules about heartbeats: what an attempt told last is what the next one gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from perdure.protocol.replies import ActivityDirective
from perdure.protocol.requests import RecordActivityTaskHeartbeat, RespondActivityTaskFailed
from perdure.protocol.tasks import ActivityTask
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.ledger import Ask
from tests.simulation.rules import Finding, Rule

Activity = tuple[str, int]


def check_heartbeats(evidence: Evidence) -> Iterator[Finding]:
    """The details that an attempt is handed out with are those of the last acknowledged heartbeat of the attempts
    before it, or of one after that, whose answer may have been lost, or came with a failure."""
    beats: dict[Activity, list[Ask]] = defaultdict(list)
    for ask in evidence.asks(RecordActivityTaskHeartbeat):
        beats[ask.request.run_id, ask.request.scheduled_event_id].append(ask)
    failures: dict[Activity, list[Ask]] = defaultdict(list)
    for ask in evidence.asks(RespondActivityTaskFailed):
        failures[ask.request.run_id, ask.request.scheduled_event_id].append(ask)
    for worker, task, at_s, _ in evidence.ledger.hand_outs:
        if not isinstance(task, ActivityTask):
            continue
        activity = (task.run_id, task.scheduled_event_id)
        before = [ask for ask in beats.get(activity, ()) if ask.request.attempt < task.attempt]
        kept = [index for index, ask in enumerate(before) if _is_kept(ask)]
        allowed = {ask.request.details for ask in before[kept[-1] if kept else 0 :]}
        allowed |= {ask.request.heartbeat_details for ask in failures.get(activity, ())} - {b""}
        if not kept:
            allowed.add(b"")
        if task.heartbeat_details not in allowed:
            name = f"attempt {task.attempt} of activity {task.scheduled_event_id} of {task.workflow_id} ({task.run_id})"
            text = f"handed out to {worker} at {at_s:.3f} with {task.heartbeat_details!r}; allowed: {sorted(allowed)}"
            yield Finding(Rule.HEARTBEAT_KEPT, f"{name} was {text}")


def _is_kept(ask: Ask) -> bool:
    return any(directive.current for directive in ask.bodies(ActivityDirective))


CHECKS = [check_heartbeats]
