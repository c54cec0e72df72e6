"""Changes of code that running workflows cannot take: each is noticed by a recorded history, and the place is named.

A change is made to the text of a module of the catalogue, as a programmer would make it; a history that was recorded
with the unchanged text is replayed with it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from perdure.worker import Replayer
from perdure.workflow import NondeterminismError
from tests.golden import catalogue
from tests.golden.recording import recorded

HISTORIES = recorded()
FOLDER = Path(catalogue.__file__).parent


class Change(NamedTuple):
    """`told` is a pattern for the first line of the error; `{here}` in it is a line of the changed module."""

    kind: str
    module: str
    history: str
    old: str
    new: str
    told: str


TAKE = '        taken = await workflow.execute_activity(step, "take", start_to_close_timeout=SHORT)\n'
PACK = "        packed = await workflow.execute_activity(pack_order, Order(taken, 2), start_to_close_timeout=SHORT)\n"
DOUBLE = "        doubled = await workflow.execute_activity(double, packed.count, start_to_close_timeout=SHORT)\n"
AUDIT = '        await workflow.execute_activity("audit", start_to_close_timeout=SHORT)\n'
SLEEP = '        await workflow.sleep(timedelta(days=days), summary=f"{days} days")\n'
BRANCH = '        if workflow.patched("loud"):\n            return'

CHANGES = [
    Change(
        "removed activity", "activities", "order-steps", PACK, "        packed = Order(taken, 2)\n",
        r"event 11 .*'pack_order', id '2'\), but .* issues ScheduleActivityTask \(activity 'double', id '2'\).*{here}",
    ),
    Change(
        "removed last activity", "activities", "order-steps", DOUBLE, "        doubled = packed.count * 2\n",
        r"event 17 .*'double', id '3'\), but .* issues CompleteWorkflowExecution there \(at {here} in OrderSteps.run\)",
    ),
    Change(
        "added activity", "activities", "order-steps", PACK, AUDIT + PACK,
        r"event 11 .*'pack_order', id '2'\), but .* issues ScheduleActivityTask \(activity 'audit', id '2'\).*{here}",
    ),
    Change(
        "added last activity", "activities", "order-steps", DOUBLE, DOUBLE + AUDIT,
        r"WorkflowExecutionCompleted, but .* issues ScheduleActivityTask \(activity 'audit', id '4'\).*{here}",
    ),
    Change(
        "reordered activities", "activities", "order-steps", TAKE + PACK,
        PACK.replace("taken", '"TAKE"') + TAKE,
        r"event 5 .*'step', id '1'\), but .* issues ScheduleActivityTask \(activity 'pack_order', id '1'\).*{here}",
    ),
    Change(
        "renamed activity", "activities", "order-steps", "@activity.defn\nasync def pack_order(",
        '@activity.defn(name="wrap")\nasync def pack_order(',
        r"event 11 .*'pack_order', id '2'\), but .* issues ScheduleActivityTask \(activity 'wrap', id '2'\).*{here}",
    ),
    Change(
        "changed activity type", "activities", "order-steps", "execute_activity(double, packed.count",
        "execute_activity(unsure, packed.count",
        r"event 17 .*'double', id '3'\), but .* issues ScheduleActivityTask \(activity 'unsure', id '3'\).*{here}",
    ),
    Change(
        "timer for activity", "activities", "order-steps", TAKE,
        '        taken = "TAKE"\n        await workflow.sleep(1)\n',
        r"event 5 .*'step', id '1'\), but .* issues StartTimer \(id '1', 1000 ms\) there \(at {here}",
    ),
    Change(
        "activity for timer", "waiting", "naps-3", "            await workflow.sleep(one)\n",
        '            await workflow.execute_activity(step, "nap", start_to_close_timeout=SHORT)\n',
        r"event 5 .*TimerStarted \(id '1', 1500 ms\), but .* issues ScheduleActivityTask \(activity 'step'.*{here}",
    ),
    Change(
        "removed timer", "waiting", "days-30", SLEEP, "",
        r"event 5 .*TimerStarted \(id '1', 2592000000 ms\), but .* issues ScheduleActivityTask .*{here}",
    ),
    Change(
        "added timer", "waiting", "days-1", SLEEP, SLEEP + "        await workflow.sleep(5)\n",
        r"event 10 .*ActivityTaskScheduled .*, but .* issues StartTimer \(id '2', 5000 ms\) there \(at {here}",
    ),
    Change(
        "removed child", "children", "parent-2",
        "[await workflow.execute_child_workflow(Child.run, name) for name in names]", "names",
        r"event 5 .*StartChildWorkflowExecutionInitiated .*but .* issues CompleteWorkflowExecution there \(at {here}",
    ),
    Change(
        "activity for child", "children", "parent-1",
        "await workflow.execute_child_workflow(Child.run, name)",
        "await workflow.execute_activity(step, name, start_to_close_timeout=SHORT)",
        r"event 5 .*StartChildWorkflowExecutionInitiated .*but .* issues ScheduleActivityTask .*{here}",
    ),
    Change(
        "removed signal to another workflow", "others", "caller",
        '                await other.signal("tell", word)\n', "                pass\n",
        r"event 5 .*SignalExternalWorkflowExecutionInitiated .* issues CompleteWorkflowExecution there \(at {here}",
    ),
    Change(
        "update that does more", "updates", "account-doubled", "for _ in range(times):", "for _ in range(times + 1):",
        r"event 27 .*WorkflowExecutionUpdateCompleted .* issues ScheduleActivityTask .*id '3'\).*{here}",
    ),
    Change(
        "fewer rounds of a loop", "activities", "steps-in-a-row-5", "for name in names:", "for name in names[:4]:",
        r"event 29 .*'step', id '5'\), but .* issues CompleteWorkflowExecution there \(at {here}",
    ),
    Change(
        "more rounds of a loop", "activities", "steps-in-a-row-2", "for name in names:",
        "for name in [*names, 'more']:",
        r"WorkflowExecutionCompleted, but .* issues ScheduleActivityTask \(activity 'step', id '3'\).*{here}",
    ),
    Change(
        "more at once", "activities", "steps-at-once-2", "for number in range(count)]\n        return",
        "for number in range(count + 1)]\n        return",
        r"issues ScheduleActivityTask \(activity 'double', id '3'\) \(at {here}.*no event of it before event",
    ),
    Change(
        "removed patch", "versions", "patched", BRANCH, "        if True:\n            return",
        r"event 5 .*MarkerRecorded \(patch 'loud'\), but .* issues ScheduleActivityTask .*{here}",
    ),
    Change(
        "renamed patch", "versions", "patched", 'workflow.patched("loud")', 'workflow.patched("louder")',
        r"event 5 .*MarkerRecorded \(patch 'loud'\), but .* issues CompleteWorkflowExecution there \(at {here}",
    ),
    Change(
        "version that is no longer supported", "versions", "numbered-1", "workflow.DEFAULT_VERSION, number + 1",
        "number + 2, number + 2",
        r"has version 1 of 'change-0', and the code supports 2 to 2 \(at {here}",
    ),
    Change(
        "fails instead", "ends", "at-once-number", "    return value", '    raise ApplicationError("odd")',
        r"event 5 .*WorkflowExecutionCompleted, but .* issues FailWorkflowExecution there \(at {here}",
    ),
    Change(
        "ends instead of going on", "chains", "relay-1",
        "            workflow.continue_as_new(args=[left - 1, total])\n", "",
        r"WorkflowExecutionContinuedAsNew, but .* issues CompleteWorkflowExecution there \(at {here}",
    ),
    Change(
        "forgotten search attribute", "chains", "searchable-1",
        "            workflow.upsert_search_attributes([STATE.value_set(state), COUNT.value_set(number)])\n", "",
        r"event 5 .*UpsertWorkflowSearchAttributes, but .* issues ScheduleActivityTask .*{here}",
    ),
    Change(
        "waits instead", "activities", "order-steps", DOUBLE,
        "        await workflow.wait_condition(lambda: False)\n        doubled = 4\n",
        r"event 17 .*'double', id '3'\), but .* issues no command there \(it waits at {here} in OrderSteps.run\)",
    ),
]  # fmt: skip


@pytest.fixture
def changed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The module with the change, as a file of its own."""
    change: Change = request.param
    text = (FOLDER / f"{change.module}.py").read_text()
    assert text.count(change.old) == 1, f"the catalogue has this {text.count(change.old)} times:\n{change.old}"
    path = tmp_path / f"changed_{change.module}.py"
    path.write_text(text.replace(change.old, change.new))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


@pytest.mark.parametrize(
    ("changed", "change"), [(c, c) for c in CHANGES], indirect=["changed"], ids=[c.kind for c in CHANGES]
)
async def test_a_change_raises_an_error_that_names_the_place(changed: ModuleType, change: Change) -> None:
    with pytest.raises(NondeterminismError) as caught:
        await Replayer(workflows=changed.WORKFLOWS).replay_workflow(HISTORIES[change.history])
    here = rf"{re.escape(str(changed.__file__))}:\d+"
    told = str(caught.value)
    assert re.search(change.told.replace("{here}", here), told.splitlines()[0]), told


def test_the_kinds_that_were_asked_for_are_all_there() -> None:
    kinds = {change.kind for change in CHANGES}
    for kind in (
        "removed activity", "added activity", "reordered activities", "renamed activity", "timer for activity",
        "removed timer", "removed child", "fewer rounds of a loop", "removed patch", "changed activity type",
    ):  # fmt: skip
        assert kind in kinds
