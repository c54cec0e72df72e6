"""Which child an event is for, and what is refused before anything is sent."""

from __future__ import annotations

import pytest

from perdure.common import Priority, WorkflowIDReusePolicy
from perdure.converter import DataConverter
from perdure.execution.children import start_command
from perdure.protocol.cron import CronError
from perdure.workflow import ChildWorkflowCancellationType, ParentClosePolicy
from perdure.workflow.child_options import ChildOptions

PLAIN = ChildOptions(
    None, None, ChildWorkflowCancellationType.TRY_CANCEL, ParentClosePolicy.UNSPECIFIED, None, None, None,
    WorkflowIDReusePolicy.ALLOW_DUPLICATE, None, "", None, None, None, None, None, Priority.default,
)  # fmt: skip


def test_a_command_of_nothing_but_a_name() -> None:
    command = start_command(DataConverter.default, "Child", "id", (), PLAIN, {})
    assert (command.workflow_id, command.task_queue, command.namespace, command.input) == ("id", "", "", b"")
    assert command.task_timeout_ms == 10_000
    assert command.parent_close_policy == 1


def test_an_id_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="the id of a child workflow has 1001 characters"):
        start_command(DataConverter.default, "Child", "x" * 1001, (), PLAIN, {})


def test_a_schedule_that_cannot_be_is_refused() -> None:
    with pytest.raises(CronError):
        start_command(DataConverter.default, "Child", "id", (), PLAIN._replace(cron_schedule="now and then"), {})


def test_a_memo_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="memo"):
        start_command(DataConverter.default, "Child", "id", (), PLAIN._replace(memo={"x": "y" * 3_000_000}), {})


@pytest.mark.parametrize(("own", "inherited", "expected"), [(None, 3, 3), (None, 2, 2), (4, 2, 4)])
def test_the_priority_is_its_own_or_its_parents(own: int | None, inherited: int, expected: int) -> None:
    options = PLAIN._replace(priority=Priority(own))
    assert start_command(DataConverter.default, "Child", "id", (), options, {}, inherited).priority == expected
