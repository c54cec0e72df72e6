"""The options that a type checker knows are those that the methods take."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from perdure.client import Client
from perdure.client.start_options import StartOptionsByName, StartOptionsWithArgs


@pytest.mark.parametrize("method", [Client.start_workflow, Client.execute_workflow])
def test_options_are_the_methods_keywords(method: object) -> None:
    assert callable(method)
    keywords = {
        name
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert set(get_type_hints(StartOptionsByName)) == keywords
    assert set(get_type_hints(StartOptionsWithArgs)) == keywords - {"result_type"}
