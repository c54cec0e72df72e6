"""A client that starts scripted workflows, disturbs them, and waits for their outcome."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    QueryWorkflow,
    RequestCancelWorkflow,
    SignalWorkflow,
    StartWorkflow,
    TerminateWorkflow,
)
from perdure_broker.port import Broker
from tests.simulation.ledger import Ledger
from tests.simulation.process import Process
from tests.simulation.script import Step, random_script, signals_wanted
from tests.simulation.station import Station

OK = frozenset({int(ReplyKind.OK)})
OUTCOME = frozenset({int(ReplyKind.OUTCOME)})


POISON = "poison"
"""Workflow ids that begin like this are refused by the database."""


@dataclass
class Plan:
    """What the client does about one workflow id. Times are seconds after its start; 0: never."""

    workflow_id: str
    script: list[Step]
    start_at_s: float
    signal_times_s: list[float]
    cancel_at_s: float = 0.0
    terminate_at_s: float = 0.0
    repeat_at_s: float = 0.0
    query_at_s: float = 0.0
    waits_by_start: bool = False


def random_plan(index: int, generator: random.Random, load_s: float) -> Plan:
    script = random_script(generator)
    plan = Plan(
        f"wf-{index}",
        script,
        generator.uniform(0, load_s),
        [generator.uniform(0, 3) for _ in range(signals_wanted(script))],
        waits_by_start=generator.random() < 0.5,
    )
    fate = generator.random()
    if fate < 0.1:
        plan.cancel_at_s = generator.uniform(0.01, 3)
    elif fate < 0.2:
        plan.terminate_at_s = generator.uniform(0.01, 3)
    if generator.random() < 0.4:
        plan.repeat_at_s = generator.choice([0.0001, generator.uniform(0.0001, 0.1), generator.uniform(0.1, 30)])
    if generator.random() < 0.3:
        plan.query_at_s = generator.uniform(0, 3)
    return plan


class Client:
    def __init__(self, process: Process, broker: Broker, ledger: Ledger, shard_count: int) -> None:
        self._process = process
        self._ledger = ledger
        self._shard_count = shard_count
        self._station = Station(process.name, process, broker, lambda push: None)
        self.open_plans: dict[str, str] = {}

    def begin(self, plans: list[Plan]) -> None:
        self._station.open()
        for number in range(3):
            name = f"{POISON}-{number}"
            self.open_plans[name] = "not refused"
            self._process.spawn(self._be_refused(Plan(name, [], number * 7.0, [])), name=name)
        for plan in plans:
            self.open_plans[plan.workflow_id] = "not started"
            self._process.spawn(self._drive(plan), name=plan.workflow_id)

    async def _drive(self, plan: Plan) -> None:
        await self._process.sleep(plan.start_at_s)
        extras = []
        for number, at_s in enumerate(plan.signal_times_s):
            extras.append(self._process.spawn(self._signal(plan, number, at_s), name=f"{plan.workflow_id}-signal"))
        for at_s, act in (
            (plan.cancel_at_s, self._cancel),
            (plan.terminate_at_s, self._terminate),
            (plan.repeat_at_s, self._start),
            (plan.query_at_s, self._query),
        ):
            if at_s:
                extras.append(self._process.spawn(self._after(at_s, act, plan), name=f"{plan.workflow_id}-extra"))
        await self._start(plan)
        self.open_plans[plan.workflow_id] = "started"
        run_id = self._ledger.starts[plan.workflow_id, "start"]
        await self._await_result(plan, run_id)
        self.open_plans[plan.workflow_id] = "closed; waiting for the answers to other requests"
        for extra in extras:
            await extra
        await self._await_result(plan, "")
        await self._late(plan, run_id)
        del self.open_plans[plan.workflow_id]

    async def _after(self, at_s: float, act: Any, plan: Plan) -> None:
        await self._process.sleep(at_s)
        await act(plan)

    async def _ask(self, plan: Plan, request: Any, until: frozenset[int] = OK) -> tuple[int, Any]:
        return await self._station.ask(
            shard_id_for("default", plan.workflow_id, self._shard_count), request, until=until
        )

    def _start_request(self, plan: Plan, wait: bool) -> StartWorkflow:
        data = json.dumps(plan.script).encode()
        return StartWorkflow("default", plan.workflow_id, "scripted", "queue", data, "start", "client", wait)

    async def _start(self, plan: Plan) -> None:
        kind, body = await self._ask(plan, self._start_request(plan, False))
        if kind == ReplyKind.ERROR:
            self._ledger.reply(self._start_request(plan, False), decode_error(body).message)
            return
        started = decode_started(body)
        self._ledger.started(plan.workflow_id, "start", started.run_id)
        if not started.created:
            self._ledger.violation(f"a repeated start of {plan.workflow_id} was answered as if it were another's")

    async def _be_refused(self, plan: Plan) -> None:
        """Start what cannot be kept: it alone is set aside."""
        await self._process.sleep(plan.start_at_s)
        kind, body = await self._ask(plan, self._start_request(plan, False))
        if kind != ReplyKind.ERROR or decode_error(body).code != ErrorCode.DEAD_LETTERED:
            self._ledger.violation(f"{plan.workflow_id} was answered {body}")
        del self.open_plans[plan.workflow_id]

    async def _await_result(self, plan: Plan, run_id: str) -> None:
        request: Any = AwaitResult("default", plan.workflow_id, run_id)
        if plan.waits_by_start and run_id:
            request = self._start_request(plan, True)
        kind, body = await self._ask(plan, request, OUTCOME)
        if kind == ReplyKind.ERROR:
            self._ledger.reply(request, decode_error(body).message)
        else:
            self._ledger.closed(decode_outcome(body))

    async def _signal(self, plan: Plan, number: int, at_s: float) -> None:
        await self._process.sleep(at_s)
        request_id = f"{plan.workflow_id}-signal-{number}"
        request = SignalWorkflow("default", plan.workflow_id, "", "go", b"", request_id, "client")
        while True:
            kind, body = await self._ask(plan, request)
            if kind == ReplyKind.OK:
                self._ledger.signals[request_id] = plan.workflow_id
                return
            if decode_error(body).code != ErrorCode.NOT_FOUND:
                self._ledger.reply(request, decode_error(body).message)
                return
            if self.open_plans[plan.workflow_id].startswith("closed"):
                return
            await self._process.sleep(0.5)  # it came before the start

    async def _cancel(self, plan: Plan) -> None:
        request = RequestCancelWorkflow("default", plan.workflow_id, "", "enough", "cancel", "client")
        await self._disturb(plan, request)

    async def _terminate(self, plan: Plan) -> None:
        request = TerminateWorkflow("default", plan.workflow_id, "", "enough", b"", "terminate", "client")
        await self._disturb(plan, request)

    async def _disturb(self, plan: Plan, request: Any) -> None:
        kind, body = await self._ask(plan, request)
        if kind == ReplyKind.ERROR and decode_error(body).code != ErrorCode.NOT_FOUND:
            self._ledger.reply(request, decode_error(body).message)

    async def _query(self, plan: Plan) -> None:
        await self._ask(plan, DescribeWorkflow("default", plan.workflow_id, ""))
        deadline_us = self._process.now_us() + 5_000_000
        request = QueryWorkflow("default", plan.workflow_id, "", "how", b"", deadline_us)
        await self._ask(plan, request._replace(deadline_us=self._process.now_us() + 3_600_000_000))

    async def _late(self, plan: Plan, run_id: str) -> None:
        """What is asked again after the end is answered as it was the first time."""
        kind, body = await self._ask(plan, self._start_request(plan, False))
        if kind == ReplyKind.ERROR or decode_started(body).run_id != run_id or not decode_started(body).created:
            self._ledger.violation(f"the start of {plan.workflow_id}, repeated after its end, was answered {body}")
        for number in range(len(plan.signal_times_s)):
            request_id = f"{plan.workflow_id}-signal-{number}"
            if request_id in self._ledger.signals:
                request = SignalWorkflow("default", plan.workflow_id, "", "go", b"", request_id, "client")
                kind, body = await self._ask(plan, request)
                if kind == ReplyKind.ERROR:
                    self._ledger.reply(request, decode_error(body).message)
        outcome = self._ledger.outcomes.get(run_id)
        is_natural = not plan.cancel_at_s and not plan.terminate_at_s
        if is_natural and outcome is not None and outcome.status != ExecutionStatus.COMPLETED:
            self._ledger.violation(f"{plan.workflow_id} ended as {outcome}")
