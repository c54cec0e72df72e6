"""How a workflow names an activity."""

from __future__ import annotations

import pytest

from perdure import activity
from perdure.workflow.activity_options import activity_type_of


@activity.defn(name="bill")
async def charge() -> int:
    return 1


@activity.defn(dynamic=True)
async def anything(args: object) -> None: ...


def test_by_function_or_by_name() -> None:
    assert activity_type_of(charge) == ("bill", int)
    assert activity_type_of("charge") == ("charge", None)


def test_what_is_no_activity_is_named() -> None:
    with pytest.raises(TypeError, match="decorate it with @activity"):
        activity_type_of(len)
    with pytest.raises(ValueError, match="dynamic activity has no name"):
        activity_type_of(anything)
