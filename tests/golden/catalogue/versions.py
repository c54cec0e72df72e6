"""Versions: patches asked for once, in loops, behind other steps, deprecated; changes with numbers."""

from __future__ import annotations

from perdure import workflow
from tests.golden.catalogue.tale import SHORT, Tale, step


@workflow.defn(name="patched")
class Patched:
    @workflow.run
    async def run(self) -> str:
        if workflow.patched("loud"):
            return await workflow.execute_activity(step, "loud", start_to_close_timeout=SHORT)
        return "quiet"


@workflow.defn(name="patched-late")
class PatchedLate:
    @workflow.run
    async def run(self, rounds: int) -> list[bool]:
        found = []
        for number in range(rounds):
            await workflow.sleep(1)
            found.append(workflow.patched(f"late-{number % 2}"))
            if found[-1]:
                await workflow.execute_activity(step, str(number), start_to_close_timeout=SHORT)
        return found


@workflow.defn(name="deprecating")
class Deprecating:
    @workflow.run
    async def run(self) -> str:
        workflow.deprecate_patch("old")
        workflow.deprecate_patch("older")
        return await workflow.execute_activity(step, "only", start_to_close_timeout=SHORT)


@workflow.defn(name="numbered")
class Numbered:
    @workflow.run
    async def run(self, changes: int) -> list[int]:
        versions = []
        for number in range(changes):
            versions.append(workflow.get_version(f"change-{number}", workflow.DEFAULT_VERSION, number + 1))
            await workflow.sleep(versions[-1])
        return versions


WORKFLOWS = (Patched, PatchedLate, Deprecating, Numbered)
ACTIVITIES = ()
TALES = (
    Tale("patched", Patched),
    *(Tale(f"patched-late-{rounds}", PatchedLate, (rounds,)) for rounds in (1, 4)),
    Tale("deprecating", Deprecating),
    *(Tale(f"numbered-{changes}", Numbered, (changes,)) for changes in (1, 3)),
)
