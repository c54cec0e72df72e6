"""What a worker is given as interceptors."""

from __future__ import annotations

from typing import Any

import pytest

import perdure.client
from perdure import activity
from perdure.client import Client
from perdure.worker import Interceptor, Worker, WorkflowInboundInterceptor, WorkflowInterceptorClassInput
from perdure.worker.interceptor import checked_interceptors, workflow_interceptor_classes
from tests.worker_stage import QUEUE, stage


class First(WorkflowInboundInterceptor):
    pass


class OfWorkflows(Interceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        input.unsafe_extern_functions["accepted"] = print
        return First


class Both(perdure.client.Interceptor, OfWorkflows):
    pass


@activity.defn
async def nothing() -> None: ...


def test_only_those_with_a_class_stand_around_workflows() -> None:
    assert workflow_interceptor_classes([Interceptor(), OfWorkflows()]) == (First,)


def test_what_is_no_interceptor_is_named() -> None:
    given: list[Any] = [perdure.client.Interceptor()]
    with pytest.raises(TypeError, match=r"is no worker interceptor: make its class a perdure\.worker\.Interceptor"):
        checked_interceptors(given)


async def test_those_of_the_client_come_first() -> None:
    async with stage() as on:
        both, only = Both(), OfWorkflows()
        client = Client(on.client.transport, interceptors=[both, perdure.client.Interceptor()])
        worker = Worker(client, task_queue=QUEUE, activities=[nothing], interceptors=[only])
        assert worker._options.interceptors == (both, only)
