"""Steps of generated workflows that leave markers and properties: local activities, versions of the code, memos."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure import workflow
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError, TimeoutError, is_cancelled_exception
from perdure.search_attributes import SearchAttributeKey
from tests.simulation.generated_family import BROKEN, Teller
from tests.simulation.programs import Spec

PLACE = SearchAttributeKey.for_keyword("Place")


async def run_local(teller: Teller, place: str, spec: Spec) -> None:
    """A local activity; what came of it is noted."""
    try:
        result = await workflow.execute_local_activity(
            "work_locally",
            args=[place, spec],
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(timedelta(milliseconds=20), maximum_attempts=spec.get("attempts", 0)),
            local_retry_threshold=timedelta(milliseconds=30) if spec.get("backs_off") else None,
        )
    except ActivityError as error:
        teller.note(place, _told(error))
        if is_cancelled_exception(error):
            raise
        return
    if result != place:
        raise ApplicationError(f"local activity {place} was given the result of {result}", type=BROKEN)
    teller.note(place, "ok")


def _told(error: ActivityError) -> str:
    cause: Any = error.cause
    if is_cancelled_exception(error):
        return "canceled"
    if isinstance(cause, TimeoutError):
        return "timeout"
    return f"failed {cause.type}" if isinstance(cause, ApplicationError) else f"failed {type(cause).__name__}"


def change_version(teller: Teller, place: str, change: str) -> None:
    """Ask which version of the code this is: always the new one, in a replay, too."""
    version = workflow.get_version(change, 1, 2) if change.startswith("version") else workflow.patched(change)
    teller.note(place, str(version))


def set_properties(teller: Teller, place: str) -> None:
    """Set a note and a search attribute, and see what was set."""
    workflow.upsert_memo({"place": place})
    workflow.upsert_search_attributes([PLACE.value_set(place)])
    seen = workflow.memo()["place"], workflow.info().typed_search_attributes.get(PLACE)
    if seen != (place, place):
        raise ApplicationError(f"{place} was set, and {seen} is there", type=BROKEN)
    teller.note(place, "set")
