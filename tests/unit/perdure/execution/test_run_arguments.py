"""The arguments of a workflow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from perdure import workflow
from perdure.common import RawValue
from perdure.converter import DataConverter
from perdure.exceptions import WorkflowTaskError
from perdure.execution.run_arguments import run_arguments
from perdure.workflow.definition import WorkflowDefinition

CONVERTER = DataConverter.default


@workflow.defn
async def typed(pair: tuple[int, int]) -> None: ...


@workflow.defn(dynamic=True)
async def anything(args: Sequence[RawValue]) -> None: ...


def definition(function: object) -> WorkflowDefinition:
    found = WorkflowDefinition.of(function)
    assert found is not None
    return found


def test_arguments_have_the_types_of_the_parameters() -> None:
    assert list(run_arguments(definition(typed), CONVERTER, CONVERTER.to_bytes([[1, 2]]))) == [(1, 2)]
    assert run_arguments(definition(typed), CONVERTER, b"") == ()


def test_a_dynamic_workflow_gets_one_list() -> None:
    [values] = run_arguments(definition(anything), CONVERTER, CONVERTER.to_bytes(["a", 2]))
    assert [CONVERTER.payload_converter.from_payload(value.payload) for value in values] == ["a", 2]
    assert run_arguments(definition(anything), CONVERTER, b"") == ([],)


def test_what_does_not_fit_fails_the_task() -> None:
    with pytest.raises(WorkflowTaskError, match="the input of workflow 'typed' does not fit its parameters"):
        run_arguments(definition(typed), CONVERTER, CONVERTER.to_bytes(["text"]))
