"""Sagas: carried through, turned back in the middle, compensated at once."""

from __future__ import annotations

from perdure import workflow
from tests.golden.catalogue.tale import SHORT, Tale, broken, cancel, step


@workflow.defn(name="trip")
class Trip:
    @workflow.run
    async def run(self, legs: list[str], parallel: bool) -> list[str]:
        booked = []
        async with workflow.Saga(parallel=parallel) as saga:
            for leg in legs:
                if leg == "sold out":
                    await workflow.execute_activity(broken, "SoldOut", start_to_close_timeout=SHORT)
                booked.append(await workflow.execute_activity(step, leg, start_to_close_timeout=SHORT))
                saga.add_activity(step, f"undo {leg}", start_to_close_timeout=SHORT)
                await workflow.sleep(2)
        return booked


WORKFLOWS = (Trip,)
ACTIVITIES = ()
TALES = (
    Tale("trip", Trip, (["flight", "hotel"], False)),
    *(Tale(f"trip-undone-{parallel}", Trip, (["flight", "hotel", "sold out"], parallel)) for parallel in (False, True)),
    Tale("trip-cancelled", Trip, (["flight", "hotel"], False), cancel),
)
