"""Whatever `temporalio` starts its servers by is taken."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from perdure.testing import WorkflowEnvironment
from perdure.testing.foreign_options import DevServerOptions, TimeSkippingOptions
from tests.names.table import THEIRS

MEMBERS = THEIRS["modules"]["testing"]["WorkflowEnvironment"]["members"]


@pytest.mark.parametrize(
    ("way", "options"), [("start_local", DevServerOptions), ("start_time_skipping", TimeSkippingOptions)]
)
def test_every_option_is_taken_but_for_plugins(way: str, options: Any) -> None:
    theirs = set(re.findall(r"(\w+)=", MEMBERS[way]))
    own = set(inspect.signature(getattr(WorkflowEnvironment, way)).parameters)
    assert theirs - own - set(options.__annotations__) == {"plugins"}


async def test_what_has_no_effect_starts_all_the_same() -> None:
    async with await WorkflowEnvironment.start_time_skipping(port=1, test_server_extra_args=["--x"]) as environment:
        assert environment.supports_time_skipping


@pytest.mark.parametrize("way", ["start_local", "start_time_skipping"])
async def test_what_is_misspelled_is_refused(way: str) -> None:
    with pytest.raises(TypeError, match=f"{way}.. got an unexpected keyword argument 'namespce'"):
        await getattr(WorkflowEnvironment, way)(namespce="mine")
