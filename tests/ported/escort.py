"""Interceptors of client, workflow and activity that carry a tenant in the headers, through every kind of call."""

import asyncio
import os
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, List, Optional, Type

import temporalio.client
import temporalio.converter
import temporalio.worker
from temporalio import activity, workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import json

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def attach(input: Any) -> None:
    payload = temporalio.converter.default().payload_converter.to_payload(tenant.get())
    input.headers = {**input.headers, "tenant": payload}


def adopt(input: Any) -> None:
    payload = input.headers.get("tenant")
    if payload is not None:
        tenant.set(temporalio.converter.default().payload_converter.from_payload(payload, str))


class ClientSide(temporalio.client.OutboundInterceptor):
    async def start_workflow(
        self, input: temporalio.client.StartWorkflowInput
    ) -> temporalio.client.WorkflowHandle[Any, Any]:
        attach(input)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: temporalio.client.SignalWorkflowInput) -> None:
        attach(input)
        await self.next.signal_workflow(input)

    async def query_workflow(self, input: temporalio.client.QueryWorkflowInput) -> Any:
        attach(input)
        return await self.next.query_workflow(input)

    async def start_workflow_update(
        self, input: temporalio.client.StartWorkflowUpdateInput
    ) -> temporalio.client.WorkflowUpdateHandle[Any]:
        attach(input)
        return await self.next.start_workflow_update(input)


class ActivitySide(temporalio.worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: temporalio.worker.ExecuteActivityInput) -> Any:
        adopt(input)
        return await super().execute_activity(input)


class WorkflowOut(temporalio.worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: temporalio.worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        attach(input)
        return super().start_activity(input)

    def start_local_activity(self, input: temporalio.worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        attach(input)
        return super().start_local_activity(input)


class WorkflowIn(temporalio.worker.WorkflowInboundInterceptor):
    def init(self, outbound: temporalio.worker.WorkflowOutboundInterceptor) -> None:
        super().init(WorkflowOut(outbound))

    async def execute_workflow(self, input: temporalio.worker.ExecuteWorkflowInput) -> Any:
        adopt(input)
        return await super().execute_workflow(input)

    async def handle_signal(self, input: temporalio.worker.HandleSignalInput) -> None:
        adopt(input)
        await super().handle_signal(input)

    async def handle_query(self, input: temporalio.worker.HandleQueryInput) -> Any:
        adopt(input)
        return await super().handle_query(input)

    def handle_update_validator(self, input: temporalio.worker.HandleUpdateInput) -> None:
        adopt(input)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: temporalio.worker.HandleUpdateInput) -> Any:
        adopt(input)
        return await super().handle_update_handler(input)


class Escort(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    def intercept_client(self, next: temporalio.client.OutboundInterceptor) -> temporalio.client.OutboundInterceptor:
        return ClientSide(super().intercept_client(next))

    def intercept_activity(
        self, next: temporalio.worker.ActivityInboundInterceptor
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return ActivitySide(super().intercept_activity(next))

    def workflow_interceptor_class(
        self, input: temporalio.worker.WorkflowInterceptorClassInput
    ) -> Optional[Type[temporalio.worker.WorkflowInboundInterceptor]]:
        return WorkflowIn


@activity.defn
async def whose() -> str:
    return tenant.get()


@workflow.defn
class Visit:
    def __init__(self) -> None:
        self.log: List[str] = []
        self.over = False

    @workflow.run
    async def run(self) -> List[str]:
        self.log.append(f"run {tenant.get()}")
        await workflow.wait_condition(lambda: self.over)
        minute = timedelta(minutes=1)
        self.log.append(f"activity {await workflow.execute_activity(whose, start_to_close_timeout=minute)}")
        self.log.append(f"local {await workflow.execute_local_activity(whose, start_to_close_timeout=minute)}")
        return json.loads(json.dumps(self.log))

    @workflow.signal
    def leave(self) -> None:
        self.log.append(f"signal {tenant.get()}")
        self.over = True

    @workflow.query
    def asked_by(self) -> str:
        return tenant.get()

    @workflow.update
    async def note(self, text: str) -> str:
        self.log.append(f"{text} {tenant.get()}")
        return tenant.get()

    @note.validator
    def check(self, text: str) -> None:
        assert tenant.get() != "nobody"


async def main() -> None:
    client = await temporalio.client.Client.connect(os.environ["TEMPORAL_ADDRESS"], interceptors=[Escort()])
    async with Worker(client, task_queue="escort", workflows=[Visit], activities=[whose]):
        tenant.set("acme")
        handle = await client.start_workflow(Visit.run, id="visit", task_queue="escort")
        print(await handle.query(Visit.asked_by), await handle.execute_update(Visit.note, "update"))
        await handle.signal(Visit.leave)
        print(await handle.result())


if __name__ == "__main__":
    asyncio.run(main())
