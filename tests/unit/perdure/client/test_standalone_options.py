"""The options of a start are those of `start_activity`."""

from __future__ import annotations

import inspect
from typing import get_type_hints

from perdure.client import Client
from perdure.client.standalone_options import ActivityStartOptionsByName


def test_options_are_the_keywords_of_both_calls() -> None:
    for call in (Client.start_activity, Client.execute_activity):
        parameters = inspect.signature(call).parameters.values()
        keywords = {parameter.name for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY}
        assert keywords == set(get_type_hints(ActivityStartOptionsByName))
