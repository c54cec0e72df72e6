"""What an action starts, and by which names."""

from __future__ import annotations

from perdure.protocol.activity_executions import (
    ActivityOptions,
    AwaitActivity,
    DescribeActivity,
    RequestCancelActivity,
    StartActivity,
    TerminateActivity,
)
from perdure.protocol.content import MARK
from perdure.protocol.failure import Failure
from perdure.protocol.requests import AwaitResult, DescribeWorkflow, RequestCancelWorkflow, TerminateWorkflow
from perdure.protocol.schedule import Execution, ScheduleAction
from perdure.protocol.search_attributes import pack_search_attributes, unpack_search_attributes
from perdure.protocol.start_requests import IdConflictPolicy, StartWorkflow
from perdure_engine.core.schedule.executions import (
    describe_request,
    end_request,
    execution_of,
    moment,
    outcome_request,
    start_request,
)
from perdure_engine.core.schedule.progress import Ending, Running, Start
from perdure_engine.core.schedule.steps import Plan
from tests.unit.perdure_engine.core.schedule.schedules import BEGAN_US, at, fresh, plan


def test_an_id_has_its_moment_behind_it() -> None:
    request = start_request(plan(), fresh(), Start(at(1), at(1) + 7))
    assert isinstance(request, StartWorkflow)
    assert request.workflow_id == "job-2027-01-15T08:00:10Z"
    assert (request.namespace, request.workflow_type, request.input) == ("default", "type", b"in")
    assert request.id_conflict_policy == IdConflictPolicy.FAIL
    assert moment(BEGAN_US + 1_000) == "2027-01-15T08:00:00.001Z"


def test_a_workflow_is_told_how_the_one_before_it_ended() -> None:
    failure = Failure("broken")
    progress = fresh()._replace(last_result=b"result", last_failure=failure)
    request = start_request(plan(), progress, Start(at(1), at(1)))
    assert isinstance(request, StartWorkflow)
    assert (request.last_completion_result, request.continued_failure) == (b"result", failure)
    reference = progress._replace(last_result=MARK + b"...")
    assert start_request(plan(), reference, Start(at(1), at(1))).last_completion_result == b""


def test_the_same_action_is_the_same_request() -> None:
    def name(start: Start, created_us: int = BEGAN_US) -> str:
        return start_request(plan(), fresh()._replace(created_us=created_us), start).request_id

    one = Start(at(1), at(1))
    assert name(one) == name(one._replace(overlap=3))
    others = [name(Start(at(2), at(1))), name(one._replace(origin="backfill")), name(one, created_us=5)]
    assert len({name(one), *others}) == 4


def test_what_was_started_is_found_by_its_schedule() -> None:
    own = plan()
    attributes = pack_search_attributes({"Customer": (2, "a")})
    action = own.definition.action
    assert action.workflow is not None
    action = action._replace(workflow=action.workflow._replace(search_attributes=attributes))
    own = own._replace(definition=own.definition._replace(action=action))
    found = unpack_search_attributes(start_request(own, fresh(), Start(at(1), at(1))).search_attributes)
    assert found == {
        "Customer": (2, "a"),
        "TemporalScheduledById": (2, "s"),
        "TemporalScheduledStartTime": (6, at(1)),
    }


def test_whatever_the_chain_has_come_to_is_ended() -> None:
    ending = Ending("job-1", "first", "second", terminate=True)
    request = end_request(plan(), fresh(), ending)
    assert isinstance(request, TerminateWorkflow)
    assert (request.workflow_id, request.run_id, request.first_execution_run_id) == ("job-1", "", "first")
    cancel = end_request(plan(), fresh(), ending._replace(terminate=False))
    assert isinstance(cancel, RequestCancelWorkflow)
    assert cancel.request_id != request.request_id
    assert cancel.request_id != end_request(plan(), fresh(), Ending("job-1", "first", "third", False)).request_id


def of_activity() -> Plan:
    start = StartActivity("elsewhere", "job", "act", "q", b"in", "", "me", ActivityOptions(id_conflict_policy=2))
    own = plan()
    return own._replace(definition=own.definition._replace(action=ScheduleAction(activity=start)))


def test_an_activity_is_named_by_its_moment_too() -> None:
    request = start_request(of_activity(), fresh(), Start(at(1), at(1)))
    assert isinstance(request, StartActivity)
    assert (request.namespace, request.activity_id, request.input) == ("default", "job-2027-01-15T08:00:10Z", b"in")
    assert request.options.id_conflict_policy == IdConflictPolicy.FAIL
    assert request.request_id == start_request(of_activity(), fresh(), Start(at(1), at(2))).request_id
    assert unpack_search_attributes(request.search_attributes)["TemporalScheduledById"] == (2, "s")
    assert execution_of(request, "run") == Execution(request.activity_id, "run", True)


def test_that_very_activity_is_ended() -> None:
    ending = Ending("job-1", "run", "run", terminate=True, is_activity=True)
    request = end_request(of_activity(), fresh(), ending)
    assert isinstance(request, TerminateActivity)
    assert (request.activity_id, request.run_id) == ("job-1", "run")
    assert isinstance(end_request(of_activity(), fresh(), ending._replace(terminate=False)), RequestCancelActivity)


def test_how_what_was_started_is_asked_about() -> None:
    workflow = Running("job-1", "first", "second")
    activity = workflow._replace(is_activity=True)
    assert describe_request("n", workflow) == DescribeWorkflow("n", "job-1", "second")
    assert describe_request("n", activity) == DescribeActivity("n", "job-1", "second")
    assert isinstance(outcome_request("n", "job-1", "second", False), AwaitResult)
    assert isinstance(outcome_request("n", "job-1", "second", True), AwaitActivity)
