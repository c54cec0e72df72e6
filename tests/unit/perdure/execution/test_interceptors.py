"""The base classes of workflow interceptors pass everything on."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.execution.interceptors import WorkflowInboundInterceptor, WorkflowOutboundInterceptor


class Last:
    """Stands at the end, and answers with what was called on it: at once, or when it is awaited."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given: Answer((name, *given))


class Answer(tuple[Any, ...]):
    def __await__(self) -> Any:
        return self
        yield


@pytest.mark.parametrize("kind", [WorkflowInboundInterceptor, WorkflowOutboundInterceptor])
async def test_each_method_gives_its_input_to_the_next(kind: type[Any]) -> None:
    interceptor = kind(Last())
    for name in [name for name in vars(kind) if not name.startswith("_")]:
        given = () if name == "info" else ("input",)
        answer = getattr(interceptor, name)(*given)
        if hasattr(answer, "cr_frame"):
            answer = await answer
        assert answer in ((name, *given), None)
