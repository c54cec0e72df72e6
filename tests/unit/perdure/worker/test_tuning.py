"""Each way to make a tuner comes down to three numbers."""

from __future__ import annotations

import pytest

from perdure.worker import (
    FixedSizeSlotSupplier,
    ResourceBasedSlotConfig,
    ResourceBasedSlotSupplier,
    ResourceBasedTunerConfig,
    WorkerTuner,
)
from perdure.worker.tuning import Slots, chosen_slots

NONE = Slots(None, None, None)


def test_fixed_numbers_and_their_default() -> None:
    assert WorkerTuner.create_fixed(workflow_slots=5, activity_slots=7).slots == Slots(5, 7, 100)


def test_resources_count_by_their_maximum() -> None:
    tuner = WorkerTuner.create_resource_based(
        target_memory_usage=0.5, target_cpu_usage=0.5, activity_config=ResourceBasedSlotConfig(1, 20)
    )
    assert tuner.slots == Slots(500, 20, 500)


def test_suppliers_may_be_mixed() -> None:
    by_resource = ResourceBasedSlotSupplier(
        ResourceBasedSlotConfig(maximum_slots=9), ResourceBasedTunerConfig(0.5, 0.5)
    )
    tuner = WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(1),
        activity_supplier=by_resource,
        local_activity_supplier=FixedSizeSlotSupplier(3),
    )
    assert tuner.slots == Slots(1, 9, 3)


def test_a_tuner_and_numbers_contradict_each_other() -> None:
    tuner = WorkerTuner.create_fixed()
    assert chosen_slots(tuner, NONE) == Slots(100, 100, 100)
    assert chosen_slots(None, NONE) == NONE
    with pytest.raises(ValueError, match="not both"):
        chosen_slots(tuner, Slots(None, 5, None))


def test_a_tuner_has_at_least_one_slot_of_each_kind() -> None:
    tuner = WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(0),
        activity_supplier=FixedSizeSlotSupplier(1),
        local_activity_supplier=FixedSizeSlotSupplier(1),
    )
    with pytest.raises(ValueError, match="max_concurrent_workflow_tasks is 0"):
        chosen_slots(tuner, NONE)
