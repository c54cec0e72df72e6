"""The memo and the search attributes of a run, as its workflow sees and changes them.

Role: the replay side of `perdure_engine.core.properties`. What an update sets is seen by the workflow at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from perdure.common import Payload
from perdure.converter import DataConverter
from perdure.protocol.commands import Command, ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.events import WorkflowExecutionStarted
from perdure.protocol.ids import text_problem
from perdure.protocol.memo import memo_problem, merged_memo, pack_memo, unpack_memo
from perdure.protocol.search_attributes import (
    merged_search_attributes,
    search_attributes_problem,
    unpack_search_attributes,
)
from perdure.search_attributes import (
    SearchAttributes,
    SearchAttributeUpdate,
    TypedSearchAttributes,
    typed_search_attributes,
    updates_to_bytes,
)


class RunProperties:
    """See the module's docstring."""

    def __init__(
        self, started: WorkflowExecutionStarted, converter: DataConverter, issue: Callable[[Command], None]
    ) -> None:
        self._memo = started.memo
        self._search_attributes = started.search_attributes
        self._converter = converter
        self._issue = issue

    def memo(self) -> Mapping[str, Payload]:
        return {name: payload for name, payload in unpack_memo(self._memo).items() if payload is not None}

    def search_attributes(self) -> TypedSearchAttributes:
        return typed_search_attributes(self._search_attributes)

    def upsert_memo(self, updates: Mapping[str, Any]) -> None:
        """Set notes; None takes one away.

        Raises:
            ValueError: the memo would be too large, or a name is not possible.
            TypeError: a value cannot be converted.
        """
        for name in updates:
            problem = text_problem("a memo's name", name)
            if problem is not None:
                raise ValueError(problem)
        convert = self._converter.payload_converter.to_payload
        update = pack_memo({name: None if value is None else convert(value) for name, value in updates.items()})
        merged = merged_memo(self._memo, update)
        problem = memo_problem(merged)
        if problem is not None:
            raise ValueError(problem)
        if update:
            self._issue(ModifyWorkflowProperties(update))
            self._memo = merged

    def upsert_search_attributes(self, updates: Sequence[SearchAttributeUpdate[Any]] | SearchAttributes) -> None:
        """Set search attributes, or take them away.

        Raises:
            ValueError: a value does not fit its type, or they would be too many or too large.
        """
        update = updates_to_bytes(updates)
        merged = merged_search_attributes(self._search_attributes, update)
        problem = search_attributes_problem(unpack_search_attributes(merged))
        if problem is not None:
            raise ValueError(problem)
        if update:
            self._issue(UpsertSearchAttributes(update))
            self._search_attributes = merged
