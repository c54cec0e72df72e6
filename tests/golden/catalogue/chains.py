"""Runs that are followed by others, and what a run says about itself: memo, search attributes."""

from __future__ import annotations

from datetime import timedelta

from perdure import workflow
from perdure.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from tests.golden.catalogue.tale import SHORT, Tale, double, signals, step

STATE = SearchAttributeKey.for_keyword("GoldenState")
COUNT = SearchAttributeKey.for_int("GoldenCount")


@workflow.defn(name="relay")
class Relay:
    """Hands over to a next run as often as asked."""

    def __init__(self) -> None:
        self.got: list[str] = []

    @workflow.signal
    def take(self, name: str) -> None:
        self.got.append(name)

    @workflow.run
    async def run(self, left: int, total: int) -> int:
        total += await workflow.execute_activity(double, left, start_to_close_timeout=SHORT)
        if left:
            await workflow.sleep(1)
            workflow.continue_as_new(args=[left - 1, total])
        return total


@workflow.defn(name="hourly")
class Hourly:
    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        return await workflow.execute_activity(double, (last or 0) + 1, start_to_close_timeout=SHORT)


@workflow.defn(name="searchable")
class Searchable:
    @workflow.run
    async def run(self, states: list[str]) -> str:
        for number, state in enumerate(states):
            workflow.upsert_search_attributes([STATE.value_set(state), COUNT.value_set(number)])
            await workflow.execute_activity(step, state, start_to_close_timeout=SHORT)
        workflow.upsert_search_attributes([COUNT.value_unset()])
        return str(workflow.info().typed_search_attributes.get(STATE))


@workflow.defn(name="noted")
class Noted:
    @workflow.run
    async def run(self, note: str) -> str:
        workflow.upsert_memo({"note": note, "old": None})
        await workflow.sleep(1)
        return str(workflow.memo_value("note"))


WORKFLOWS = (Relay, Hourly, Searchable, Noted)
ACTIVITIES = ()
TALES = (
    *(Tale(f"relay-{left}", Relay, (left, 0)) for left in (0, 1, 3)),
    Tale("relay-signalled", Relay, (1, 0), signals(("take", "stick"))),
    Tale("hourly", Hourly, (), None, {"cron_schedule": "0 * * * *", "execution_timeout": timedelta(hours=3)}),
    *(Tale(f"searchable-{count}", Searchable, (["new", "busy", "done"][:count],)) for count in (1, 3)),
    Tale(
        "searchable-from-the-start",
        Searchable,
        (["new"],),
        None,
        {"search_attributes": TypedSearchAttributes([SearchAttributePair(STATE, "unborn")])},
    ),
    Tale("noted", Noted, ("hello",), None, {"memo": {"old": 1, "note": "before"}}),
    Tale("noted-anew", Noted, ("hello",)),
)
