"""What a history says about signals to other workflows, and what it cannot."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.external_workflow import ExternalWorkflowExecutionSignaled
from perdure_engine.core.external_fold import EXTERNAL_ANSWERS, EXTERNAL_RULES, buffer_answer
from perdure_engine.core.state import Bug
from tests.unit.perdure_engine.core.runs import running
from tests.unit.perdure_engine.core.test_external import poke

SIGNALED = ExternalWorkflowExecutionSignaled("default", "other", "", 5)
KIND = int(EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED)


def test_an_answer_to_nothing_is_a_bug() -> None:
    state = running().state
    with pytest.raises(Bug, match="an answer to event 5, which waits for none"):
        EXTERNAL_RULES[KIND](state, HistoryEvent(9, 0, KIND, SIGNALED))


def test_an_answer_waits_once() -> None:
    state = running(poke()).state
    buffer_answer(state, KIND, SIGNALED)
    with pytest.raises(Bug, match="takes no"):
        buffer_answer(state, KIND, SIGNALED)


def test_every_answer_has_a_rule() -> None:
    assert EXTERNAL_RULES.keys() >= EXTERNAL_ANSWERS
