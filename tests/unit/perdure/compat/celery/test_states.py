"""States: Celery's names."""

from __future__ import annotations

from perdure.compat.celery import states


def test_a_state_is_ready_or_not() -> None:
    assert not states.READY_STATES & states.UNREADY_STATES
    assert {states.SUCCESS, states.FAILURE, states.REVOKED} < states.READY_STATES
    assert states.PROPAGATE_STATES < states.READY_STATES
    assert states.RETRY in states.EXCEPTION_STATES - states.READY_STATES
