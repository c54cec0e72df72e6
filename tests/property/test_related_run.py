"""One run as in `test_run`, which also has children, sends to other workflows, and is sent updates.

What other shards say comes in any order, twice or never; workers answer updates as they should, or not at all.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, precondition, rule

from perdure.protocol.child_workflow import ParentClosePolicy, ParentLink, StartChildWorkflowExecution
from perdure.protocol.commands import Command
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import Origin, RecordChildClosed, RecordChildStarted, RecordExternalAnswer
from perdure.protocol.replies import ExecutionStatus, ReplyKind
from perdure.protocol.requests import RespondWorkflowTaskCompleted, StartWorkflow
from perdure.protocol.updates import ProtocolMessage, UpdateMessageKind, UpdateStage, UpdateWorkflow
from perdure_engine.core.state import UpdatePhase
from tests.audited_run import AuditedRun
from tests.property.test_run import RUN_ID, START_US, RunMachine

FAILURE = Failure.of("no", ApplicationInfo("Odd"))

children = st.builds(
    StartChildWorkflowExecution,
    st.sampled_from(["kid", "other kid"]),
    st.sampled_from(["Kid"] * 9 + [""]),
    st.just(""),
    st.just(b"input"),
    parent_close_policy=st.sampled_from([*ParentClosePolicy, *ParentClosePolicy, 9]),
)
outcomes = st.sampled_from(
    [
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELED,
        ExecutionStatus.TIMED_OUT,
        ExecutionStatus.TERMINATED,
    ]
)


class RelatedRunMachine(RunMachine):
    """What `RunMachine` does, and what comes from clients that wait and from other runs."""

    @initialize(policy=st.sampled_from(ParentClosePolicy))
    def start(self, policy: ParentClosePolicy) -> None:
        """A run that has asked for something already."""
        request = StartWorkflow("default", "order", "Order", "q", b"input", "start", "client")
        self.run = AuditedRun(request, RUN_ID, START_US)
        asked = (
            StartChildWorkflowExecution("kid", "Kid", "", b"input", parent_close_policy=policy),
            StartChildWorkflowExecution("other kid", "Kid", "", b"input"),
            SignalExternalWorkflowExecution("friend", "", "go", b""),
            RequestCancelExternalWorkflowExecution("friend", ""),
        )
        self.run.decide(RespondWorkflowTaskCompleted(RUN_ID, 2, 1, START_US, asked, "w1", "w1", b"s", b"1-0"))

    def commands(self, data: st.DataObject) -> tuple[Command, ...]:
        """Mostly what is answered rightly; now and then nothing is said of an update, or something twice."""
        wanted = super().commands(data)
        extra: list[Any] = [
            message
            for message in self.messages()
            if data.draw(st.integers(0, 9)) or message.kind == UpdateMessageKind.ACCEPTANCE
        ]
        extra += data.draw(st.lists(self.relations(), max_size=2, unique_by=repr))
        if data.draw(st.integers(0, 29)) == 0:
            extra.append(ProtocolMessage("nobody's", UpdateMessageKind.RESPONSE))
        return (*extra, *wanted)

    def messages(self) -> list[ProtocolMessage]:
        """What a worker has to say of updates: the third of them that came is refused."""
        said: list[ProtocolMessage] = []
        for update_id, update in self.run.state.admitted.items():
            if update_id == "u3":
                said.append(ProtocolMessage(update_id, UpdateMessageKind.REJECTION, failure=FAILURE))
            else:
                said.append(ProtocolMessage(update_id, UpdateMessageKind.ACCEPTANCE, update.delivery))
        for update_id, known in self.run.state.updates.items():
            if known.phase == UpdatePhase.ACCEPTED:
                said.append(ProtocolMessage(update_id, UpdateMessageKind.RESPONSE, None, b"result"))
        return said

    def relations(self) -> st.SearchStrategy[Any]:
        """What a workflow asks of others."""
        event_ids = st.sampled_from([0, *self.run.state.children])
        return st.one_of(
            children,
            st.builds(
                SignalExternalWorkflowExecution,
                st.just("kid"),
                st.sampled_from(["", RUN_ID, "no run id"]),
                st.sampled_from(["go"] * 9 + [""]),
                st.just(b""),
                child_initiated_event_id=event_ids,
            ),
            st.builds(
                RequestCancelExternalWorkflowExecution,
                st.just("kid"),
                st.sampled_from(["", "no run id"]),
                child_initiated_event_id=event_ids,
            ),
        )

    # From clients ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_open())
    @rule(
        update_id=st.sampled_from(["u1", "u2", "u3", "u4", ""]),
        stage=st.sampled_from([UpdateStage.ACCEPTED, UpdateStage.COMPLETED]),
    )
    def client_updates(self, update_id: str, stage: UpdateStage) -> None:
        """A completed one is answered from its history, by whoever holds that."""
        known = self.run.state.updates.get(update_id)
        if known is not None and known.phase == UpdatePhase.COMPLETED:
            return
        request = UpdateWorkflow("default", "order", "", update_id, "change", b"x", "client", stage)
        transition = self.run.decide(request)
        assert (transition.reply_kind == ReplyKind.ERROR) == (not update_id)
        assert transition.reply_kind != ReplyKind.OUTCOME or update_id in self.run.state.updates

    # From other runs -------------------------------------------------------------------------------------------------

    def event_id(self, data: st.DataObject, known: Any) -> int:
        """Of one that is pending; now and then of another one."""
        return int(data.draw(st.sampled_from([*known, *known, *known, 2])))

    @precondition(lambda self: self.is_open() and self.run.state.children)
    @rule(data=st.data(), cause=st.sampled_from(["", "", "", "WORKFLOW_ALREADY_EXISTS"]))
    def child_is_started_or_not(self, data: st.DataObject, cause: str) -> None:
        event_id = self.event_id(data, self.run.state.children)
        child_id = run_id_for_child(RUN_ID, event_id)
        self.run.decide(RecordChildStarted(RUN_ID, event_id, child_id, cause, "default", "kid", 1))
        child = self.run.state.children.get(event_id)
        assert child is None or child.started_event_id or self.run.state.workflow_task is not None

    @precondition(lambda self: self.is_open() and self.run.state.children)
    @rule(data=st.data(), status=outcomes)
    def child_is_closed(self, data: st.DataObject, status: ExecutionStatus) -> None:
        event_id = self.event_id(data, self.run.state.children)
        child_id = run_id_for_child(RUN_ID, event_id)
        link = ParentLink("default", "order", RUN_ID, event_id, "order", RUN_ID)
        failure = FAILURE if status == ExecutionStatus.FAILED else None
        origin = Origin(0, child_id, 9)
        self.run.decide(
            RecordChildClosed(origin, link, "default", "kid", child_id, "Kid", child_id, status, b"end", failure, 1)
        )

    @precondition(lambda self: self.is_open())
    @rule(data=st.data(), cause=st.sampled_from(["", "", "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"]))
    def other_workflow_answers(self, data: st.DataObject, cause: str) -> None:
        state = self.run.state
        event_id = self.event_id(data, [*state.external_signals, *state.external_cancels])
        self.run.decide(RecordExternalAnswer(RUN_ID, event_id, cause))


TestRelatedRun = RelatedRunMachine.TestCase
TestRelatedRun.settings = settings(
    max_examples=80, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
