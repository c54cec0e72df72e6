"""`Replayer`: runs workflow code against recorded histories, to prove that a change keeps to them."""

from __future__ import annotations

import concurrent.futures
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from perdure.client import WorkflowHistory
from perdure.common import HeaderCodecBehavior
from perdure.converter import DataConverter
from perdure.exceptions import WorkflowTaskError
from perdure.execution import io_guard, stand_ins
from perdure.execution.instance import WorkflowInstance
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.protocol.events import EventType
from perdure.runtime import Runtime
from perdure.worker.decoding import decoded
from perdure.worker.interceptor import Interceptor, checked_interceptors, workflow_interceptor_classes
from perdure.worker.registry import Registry
from perdure.worker.replay_debugger import ReplayDebugger
from perdure.worker.workflow_runner import UnsandboxedWorkflowRunner, WorkflowRunner, check_runners


@dataclass(frozen=True)
class WorkflowReplayResult:
    """`replay_failure` is None if the code does what the history says."""

    history: WorkflowHistory
    replay_failure: Exception | None


@dataclass(frozen=True)
class WorkflowReplayResults:
    """Failures by run id."""

    replay_failures: Mapping[str, Exception] = field(default_factory=dict)


class Replayer:
    """Needs no server: histories come from `handle.fetch_history()` or from JSON."""

    def __init__(
        self,
        *,
        workflows: Sequence[Any],
        namespace: str = "ReplayNamespace",
        data_converter: DataConverter = DataConverter.default,
        interceptors: Sequence[Interceptor] = [],
        workflow_failure_exception_types: Sequence[type[BaseException]] = [],
        workflow_runner: WorkflowRunner = UnsandboxedWorkflowRunner(),  # noqa: B008  # it has no state
        unsandboxed_workflow_runner: WorkflowRunner = UnsandboxedWorkflowRunner(),  # noqa: B008  # as above
        debug_mode: bool = False,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        workflow_task_executor: concurrent.futures.ThreadPoolExecutor | None = None,
        build_id: str | None = None,
        identity: str | None = None,
        runtime: Runtime | None = None,
        disable_safe_workflow_eviction: bool = False,
    ) -> None:
        """Make a replayer of these workflows.

        Args:
            workflows: Classes and functions decorated with `workflow.defn`.
            namespace: What `workflow.info()` says.
            data_converter: That of the workers that ran them.
            interceptors: As for a `Worker`.
            workflow_failure_exception_types: As for a `Worker`.
            workflow_runner, unsandboxed_workflow_runner, debug_mode, workflow_task_executor, build_id, identity,
                runtime, disable_safe_workflow_eviction: Accepted for programs written for `temporalio`: there is no
                sandbox, no replay is ever taken from its thread, and nobody is told of it.
            header_codec_behavior: As for a `Client`.

        Raises:
            TypeError, ValueError: something is no workflow, or two have one name.
        """
        if not workflows:
            raise ValueError("a replayer needs workflows")
        check_runners(workflow_runner, unsandboxed_workflow_runner)
        self._registry = Registry(workflows, [])
        self._coding = data_converter.coding(with_headers=header_codec_behavior != HeaderCodecBehavior.NO_CODEC)
        self._settings = WorkerSettings(
            namespace,
            "",
            data_converter,
            tuple(workflow_failure_exception_types),
            workflow_interceptor_classes(checked_interceptors(interceptors)),
        )
        io_guard.install()
        stand_ins.install()
        for definition in self._registry.workflows.values():
            stand_ins.adapt_module_of(definition.target)

    async def replay_workflow(
        self, history: WorkflowHistory, *, raise_on_replay_failure: bool = True
    ) -> WorkflowReplayResult:
        """Replay one history.

        Raises:
            NondeterminismError: the code does something else than the history says.
            Exception: whatever else the code raises that fails a workflow task.
        """
        failure = await self._replay(history)
        if failure is not None and raise_on_replay_failure:
            raise failure
        return WorkflowReplayResult(history, failure)

    async def replay_workflows(
        self,
        histories: Iterable[WorkflowHistory] | AsyncIterable[WorkflowHistory],
        *,
        raise_on_replay_failure: bool = True,
    ) -> WorkflowReplayResults:
        """Replay many histories; raises at the first failure, unless told not to."""
        failures: dict[str, Exception] = {}
        async with self.workflow_replay_iterator(histories) as results:
            async for result in results:
                if result.replay_failure is None:
                    continue
                if raise_on_replay_failure:
                    raise result.replay_failure
                failures[result.history.run_id] = result.replay_failure
        return WorkflowReplayResults(failures)

    @asynccontextmanager
    async def workflow_replay_iterator(
        self, histories: Iterable[WorkflowHistory] | AsyncIterable[WorkflowHistory]
    ) -> AsyncIterator[AsyncIterator[WorkflowReplayResult]]:
        """Replay histories one after the other as the results are asked for."""

        async def results() -> AsyncGenerator[WorkflowReplayResult, None]:
            if isinstance(histories, AsyncIterable):
                async for history in histories:
                    yield WorkflowReplayResult(history, await self._replay(history))
            else:
                for history in histories:
                    yield WorkflowReplayResult(history, await self._replay(history))

        iterator = results()
        try:
            yield iterator
        finally:
            await iterator.aclose()

    async def debug_workflow(
        self, history: WorkflowHistory, *, event_id: int = 1, debugger: ReplayDebugger | None = None
    ) -> None:
        """Replay one history under Python's debugger.

        Args:
            event_id: Stop at the first line of workflow code that runs when this event is there, or, for an event
                that a command became, at the first line of the workflow task that issued it.
            debugger: One with other streams than the terminal.

        Raises:
            ValueError: no code has seen such an event.
            Exception: as `replay_workflow`.
        """
        instance = self._instance_of(history)
        try:
            events = await decoded(self._coding, history.events)
            (debugger or ReplayDebugger()).replay(instance, events, event_id)
        finally:
            instance.close()

    async def _replay(self, history: WorkflowHistory) -> Exception | None:
        try:
            instance = self._instance_of(history)
        except WorkflowTaskError as error:
            return error
        try:
            instance.replay(await decoded(self._coding, history.events))
        except Exception as error:
            return error
        finally:
            instance.close()
        return None

    def _instance_of(self, history: WorkflowHistory) -> WorkflowInstance:
        """Raises:
        WorkflowTaskError: it is no history of a workflow that is registered.
        """
        events = history.events
        if not events or events[0].event_type != EventType.WORKFLOW_EXECUTION_STARTED:
            raise WorkflowTaskError("a history must begin with WorkflowExecutionStarted")
        workflow_type = events[0].attributes.workflow_type
        definition = self._registry.workflow(workflow_type)
        if definition is None:
            raise WorkflowTaskError(self._registry.unknown_workflow(workflow_type, "(replay)"))
        return WorkflowInstance(definition, self._settings, RunIdentity(history.workflow_id, history.run_id))
