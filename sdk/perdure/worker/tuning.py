"""How much a worker takes on at a time, by the names of `temporalio`.

Role: a tuner comes down to three numbers, one for each kind of task: a slot costs nothing until it is taken, and a
worker polls whenever it has room, so that there is nothing to adjust while it runs. Poller behaviors are accepted for
the same reason, and choose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeAlias

RESOURCE_BASED_SLOTS_MAX = 500
"""Of a `ResourceBasedSlotConfig` that names no maximum, as there."""


@dataclass(frozen=True)
class PollerBehaviorSimpleMaximum:
    """Has no effect: one connection reads as many tasks as there is room for."""

    maximum: int = 5


@dataclass(frozen=True)
class PollerBehaviorAutoscaling:
    """Has no effect, as `PollerBehaviorSimpleMaximum`."""

    minimum: int = 1
    maximum: int = 100
    initial: int = 5


PollerBehavior: TypeAlias = PollerBehaviorSimpleMaximum | PollerBehaviorAutoscaling


@dataclass(frozen=True)
class FixedSizeSlotSupplier:
    """So many at a time."""

    num_slots: int

    @property
    def slots(self) -> int:
        return self.num_slots


@dataclass(frozen=True)
class ResourceBasedTunerConfig:
    """Memory and processors are not looked at: let `maximum_slots` be what this machine can bear."""

    target_memory_usage: float
    target_cpu_usage: float


@dataclass(frozen=True)
class ResourceBasedSlotConfig:
    """Only the maximum counts."""

    minimum_slots: int | None = None
    maximum_slots: int | None = None
    ramp_throttle: timedelta | None = None


@dataclass(frozen=True)
class ResourceBasedSlotSupplier:
    """As many at a time as the maximum says."""

    slot_config: ResourceBasedSlotConfig
    tuner_config: ResourceBasedTunerConfig

    @property
    def slots(self) -> int:
        return self.slot_config.maximum_slots or RESOURCE_BASED_SLOTS_MAX


SlotSupplier: TypeAlias = FixedSizeSlotSupplier | ResourceBasedSlotSupplier


class Slots(NamedTuple):
    """Tasks of each kind at a time; None: the default."""

    workflows: int | None
    activities: int | None
    local_activities: int | None


class WorkerTuner:
    """The slots of a worker. Made by one of its functions."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    @staticmethod
    def create_fixed(
        *,
        workflow_slots: int | None = None,
        activity_slots: int | None = None,
        local_activity_slots: int | None = None,
        nexus_slots: int | None = None,
    ) -> WorkerTuner:
        """So many of each kind; what is None is 100, as there. There are no Nexus tasks."""
        del nexus_slots
        default = 100
        return WorkerTuner(Slots(workflow_slots or default, activity_slots or default, local_activity_slots or default))

    @staticmethod
    def create_resource_based(
        *,
        target_memory_usage: float,
        target_cpu_usage: float,
        workflow_config: ResourceBasedSlotConfig | None = None,
        activity_config: ResourceBasedSlotConfig | None = None,
        local_activity_config: ResourceBasedSlotConfig | None = None,
        nexus_config: ResourceBasedSlotConfig | None = None,
    ) -> WorkerTuner:
        """As many of each kind as its configuration allows at most. Neither memory nor processors are looked at."""
        del nexus_config
        tuner_config = ResourceBasedTunerConfig(target_memory_usage, target_cpu_usage)

        def slots(config: ResourceBasedSlotConfig | None) -> int:
            return ResourceBasedSlotSupplier(config or ResourceBasedSlotConfig(), tuner_config).slots

        return WorkerTuner(Slots(slots(workflow_config), slots(activity_config), slots(local_activity_config)))

    @staticmethod
    def create_composite(
        *,
        workflow_supplier: SlotSupplier,
        activity_supplier: SlotSupplier,
        local_activity_supplier: SlotSupplier,
        nexus_supplier: SlotSupplier | None = None,
    ) -> WorkerTuner:
        """A supplier for each kind."""
        del nexus_supplier
        return WorkerTuner(Slots(workflow_supplier.slots, activity_supplier.slots, local_activity_supplier.slots))


def chosen_slots(tuner: WorkerTuner | None, given: Slots) -> Slots:
    """The tuner's, or the numbers that the program gave.

    Raises:
        ValueError: it gave both, or a number below one.
    """
    if tuner is not None and given != Slots(None, None, None):
        raise ValueError("give a tuner, or max_concurrent_* numbers, not both")
    chosen = given if tuner is None else tuner.slots
    names = ("max_concurrent_workflow_tasks", "max_concurrent_activities", "max_concurrent_local_activities")
    for name, slots in zip(names, chosen, strict=True):
        if slots is not None and slots < 1:
            raise ValueError(f"{name} is {slots}; it must be at least 1")
    return chosen
