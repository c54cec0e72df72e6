"""`WorkflowEnvironment.start_local`: the servers and the engine of `perdure dev`, for one test."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from perdure import workflow
from perdure.common import SearchAttributeKey
from perdure.exceptions import RequestError
from perdure.testing import WorkflowEnvironment
from perdure.worker import Worker

TIER = SearchAttributeKey.for_keyword("Tier")


@workflow.defn
async def greet(name: str) -> str:
    await workflow.sleep(0.01)
    return f"Hello, {name}!"


async def test_a_local_environment_runs_workflows_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with await WorkflowEnvironment.start_local(
        data_dir=tmp_path, namespace="mine", search_attributes=[TIER], ui=True
    ) as env:
        assert "Tier" in await env.client.search_attributes.list()
        assert not env.supports_time_skipping
        async with Worker(env.client, task_queue="greetings", workflows=[greet]):
            assert await env.client.execute_workflow(greet, "you", id="greet", task_queue="greetings") == "Hello, you!"
        address = env.client.transport.address
    host, _, port = address.rpartition("//")[2].partition("/")[0].rpartition(":")
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port))):
        pass
    assert (tmp_path / "postgres").is_dir()


async def test_an_environment_that_cannot_start_says_why(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(RequestError, match=r"(?s)did not start: .*is a file"):
        await WorkflowEnvironment.start_local(data_dir=file)
