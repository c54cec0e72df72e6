"""One workflow execution as its own code sees it: the `Runtime` of `perdure.workflow`.

Role: answers what the functions of `perdure.workflow` ask, and makes the parts of a workflow (its children, its
handlers, its updates) when its code, or its history, first has to do with them: most workflows have few of them.
"""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from perdure.common import Payload
from perdure.converter import PayloadConverter
from perdure.exceptions import FailureError
from perdure.execution.activity_future import ActivityFuture
from perdure.execution.chance import Chance
from perdure.execution.children import Children
from perdure.execution.commands import CommandLedger, IssuedCommand
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.external_requests import Externals
from perdure.execution.handler_registry import HandlerRegistry
from perdure.execution.interception import Interception
from perdure.execution.local_activities import LocalActivities
from perdure.execution.local_asking import LocallyAskingWorkflow
from perdure.execution.properties import RunProperties
from perdure.execution.surroundings import RunIdentity, WorkerSettings, describe, meter_of
from perdure.execution.timers import DurableTimer
from perdure.execution.updates import WorkflowUpdates
from perdure.execution.versions import Versions
from perdure.metrics import MetricMeter
from perdure.protocol.commands import Command
from perdure.protocol.events import HistoryEvent
from perdure.versioning import WorkerDeploymentVersion
from perdure.workflow.continuation import ContinueAsNewInput, continuation_of
from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.information import Info


class WorkflowRuntime(LocallyAskingWorkflow):
    """See the module's docstring. It is extended by what carries the workflow on."""

    def __init__(self, definition: WorkflowDefinition, settings: WorkerSettings, run: RunIdentity) -> None:
        self.definition = definition
        self.settings = settings
        self.run = run
        self.history_length = 0
        self.history_size = 0
        self.version: WorkerDeploymentVersion | None = None
        self.replaying = False
        self.read_only = False
        self.cancellation_reason: str | None = None
        self.current_details = ""
        self.is_delivering_cancellation = False
        self.instance: Any = None
        self.activity_count = self.timer_count = 0
        self.loop = WorkflowEventLoop(self)  # type: ignore[abstract]  # the stubs alone make asyncio's base abstract
        self.ledger = CommandLedger()
        self.activities: dict[int, ActivityFuture] = {}
        self.timers: dict[str, DurableTimer] = {}
        self.interception: Interception | None = None
        self._children: Children | None = None
        self._externals: Externals | None = None
        self._handlers: HandlerRegistry | None = None
        self._versions: Versions | None = None
        self._updates: WorkflowUpdates | None = None
        self._local: LocalActivities | None = None
        self._properties: RunProperties | None = None
        self._metric_meter: MetricMeter | None = None
        self._chance: Chance | None = None
        self._info: Info | None = None
        self._started: HistoryEvent | None = None
        self._first_task_us = 0
        self._error: BaseException | None = None

    @abstractmethod
    def handler_failed(self, error: BaseException) -> None: ...

    @property
    def handlers(self) -> HandlerRegistry:
        if self._handlers is None:
            self._handlers = HandlerRegistry(self)
        return self._handlers

    @property
    def versions(self) -> Versions:
        if self._versions is None:
            self._versions = Versions(self)
        return self._versions

    @property
    def children(self) -> Children:
        if self._children is None:
            self._children = Children(self)
        return self._children

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        if self.interception is not None:
            self.interception.outbound.continue_as_new(input)
        raise continuation_of(input, self.converter)

    @property
    def externals(self) -> Externals:
        if self._externals is None:
            self._externals = Externals(self)
        return self._externals

    @property
    def updates(self) -> WorkflowUpdates:
        if self._updates is None:
            self._updates = WorkflowUpdates(self)
        return self._updates

    def fail_task(self, error: BaseException) -> None:
        """The workflow task cannot be completed; the first reason counts."""
        self._error = self._error or error

    @property
    def metric_meter(self) -> MetricMeter:
        if self._metric_meter is None:
            self._metric_meter = meter_of(self.settings, self.definition.name or self.started.workflow_type)
        return self._metric_meter

    @property
    def namespace(self) -> str:
        return self.settings.namespace

    @property
    def payload_converter(self) -> PayloadConverter:
        return self.settings.converter.payload_converter

    @property
    def now_us(self) -> int:
        return self.loop.now_us

    @property
    def random(self) -> random.Random:
        return self.chance.aside if self.read_only else self.chance.own

    @property
    def random_seed(self) -> int:
        return self.chance.seed

    @property
    def chance(self) -> Chance:
        if self._chance is None:
            original = "" if self._started is None else self.started.original_execution_run_id
            self._chance = Chance(original or self.run.run_id)
        return self._chance

    def check_may_act(self) -> None:
        self.loop.check_may_act()

    def info(self) -> Info:
        return self.described() if self.interception is None else self.interception.outbound.info()

    def described(self) -> Info:
        """What `workflow.info()` returns, unless an interceptor has it say something else."""
        if self._info is None:
            assert self._started is not None
            self._info = describe(self.settings, self.run, self._started, self._first_task_us, self.properties)
        return self._info

    def memo(self) -> Mapping[str, Payload]:
        return self.properties.memo()

    @property
    def properties(self) -> RunProperties:
        if self._properties is None:
            assert self._started is not None
            self._properties = RunProperties(self._started.attributes, self.converter, self._set_property)
        return self._properties

    def _set_property(self, command: Command) -> None:
        self.loop.check_may_act()
        self._info = None
        self.ledger.issue(IssuedCommand(command))

    def is_failure_exception(self, error: BaseException) -> bool:
        types = (FailureError, TimeoutError, *self.settings.failure_exception_types)
        return isinstance(error, (*types, *self.definition.failure_exception_types))

    def wait_for_condition(self, condition: Callable[[], bool]) -> asyncio.Future[None]:
        self.loop.check_may_act()
        return self.loop.wait_for_condition(condition)
