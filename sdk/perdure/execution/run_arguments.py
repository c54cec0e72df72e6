"""The arguments of a workflow, from what it was started with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.common import RawValue
from perdure.converter import DataConverter
from perdure.exceptions import WorkflowTaskError
from perdure.workflow.definition import WorkflowDefinition

_COUNT_MAX = 32
"""Hints to prepare for a `run` with `*args`; arguments beyond are decoded without."""


def run_arguments(definition: WorkflowDefinition, converter: DataConverter, data: bytes) -> Sequence[Any]:
    """What `run` is called with: a dynamic workflow gets one list of raw values.

    Raises:
        WorkflowTaskError: the input does not fit the parameters.
    """
    try:
        if definition.is_dynamic:
            return (converter.from_bytes(data, (RawValue,) * _COUNT_MAX) if data else [],)
        return converter.from_bytes(data, definition.types.hints(_COUNT_MAX)) if data else ()
    except (TypeError, ValueError) as error:
        raise WorkflowTaskError(
            f"the input of workflow {definition.name!r} does not fit its parameters: {error}. Correct the type "
            "hints of the run method, or terminate the workflow and start it with the right input"
        ) from error
