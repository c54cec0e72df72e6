"""What a workflow says about itself while it runs: its memo, the search attributes that it is found by, its details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perdure.common import SearchAttributes, SearchAttributeUpdate
from perdure.workflow.runtime import current


def upsert_search_attributes(attributes: Sequence[SearchAttributeUpdate[Any]] | SearchAttributes) -> None:
    """Set search attributes of this workflow, or take them away; lists find it by them a moment later.

    Args:
        attributes: Updates, made by `SearchAttributeKey.value_set` and `value_unset`. A dictionary of lists, whose
            types are guessed, is deprecated.

    Raises:
        ValueError: a value does not fit the type of its key; more than 100 attributes, or more than 40 KiB of them.
        ReadOnlyContextError: in a query.
    """
    current().properties.upsert_search_attributes(attributes)


def upsert_memo(updates: Mapping[str, Any]) -> None:
    """Set notes of this workflow's memo, which lists and descriptions show; None takes a note away.

    Raises:
        ValueError: the memo would be larger than 2 MiB.
        TypeError: a value cannot be converted.
        ReadOnlyContextError: in a query.
    """
    current().properties.upsert_memo(updates)


def set_current_details(description: str) -> None:
    """Describe where this workflow stands, for people: a text of several lines, perhaps in Markdown.

    It is not stored: whoever asks (`perdure workflow metadata`, or the query `__workflow_metadata`) has it from the
    workflow's code.

    Raises:
        ReadOnlyContextError: in a query or a validator.
    """
    runtime = current()
    runtime.check_may_act()
    runtime.current_details = description


def get_current_details() -> str:
    """What `set_current_details` was given last; empty at first."""
    return current().current_details
