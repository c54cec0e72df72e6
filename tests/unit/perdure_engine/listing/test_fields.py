"""Names of fields."""

from __future__ import annotations

import pytest

from perdure_engine.listing.fields import Fields
from perdure_store.list_query import Field, FieldType, column

FIELDS = Fields({"Customer": FieldType.KEYWORD, "customer_count": FieldType.INT})


def test_columns_and_attributes_are_found_whatever_their_case() -> None:
    assert FIELDS.find("workflowid") == FIELDS.find("WorkflowId") == column("WorkflowId")
    assert FIELDS.find("CUSTOMER") == Field("Customer", FieldType.KEYWORD, "Customer:Keyword")
    assert FIELDS.find("BuildIds") == Field("BuildIds", FieldType.KEYWORD_LIST, "BuildIds:KeywordList")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WorkfowId", "did you mean WorkflowId?"),
        ("Custmer", "did you mean Customer?"),
        ("Zzz", "There are WorkflowId, RunId"),
    ],
)
def test_an_unknown_name_is_told_what_is_near(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"no field {name!r}") as caught:
        FIELDS.find(name)
    assert hint in str(caught.value)
