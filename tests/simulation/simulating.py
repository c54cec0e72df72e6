"""Simulating: one scenario from beginning to end, on a loop of its own."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

from tests.simulation import knobs
from tests.simulation.rules import Finding, Rule
from tests.simulation.scenario import WORKFLOWS, Scenario, draw_scenario
from tests.simulation.transcript import Transcript
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_loop import Endless, VirtualLoop
from tests.simulation.world import World
from tests.transition_tables import watched

END_ROUNDS = 10
"""How often tasks are cancelled at the end before they count as stuck."""

_logger = logging.getLogger("perdure")


def simulate(seed: int, workflows: int = WORKFLOWS, *, logs: bool = False) -> Verdict:
    """Run the scenario that a seed stands for. `logs`: let engines and workers log."""
    return simulate_scenario(draw_scenario(seed, workflows), logs=logs)


def simulate_scenario(scenario: Scenario, *, logs: bool = False, transcript: bool = False) -> Verdict:
    """Run a scenario; `transcript`: write down what happens."""
    level = _logger.level
    if not logs:
        _logger.setLevel(logging.CRITICAL)
    loop = VirtualLoop(scenario.dice("order"), scenario.order)
    complaints: list[Finding] = []
    loop.set_exception_handler(lambda _, context: _complain(context, complaints))
    is_collecting = gc.isenabled()
    gc.disable()  # a collection runs at a moment of its own choosing, and may run code
    try:
        asyncio.set_event_loop(loop)
        with knobs.turned(scenario.low_knobs), watched(with_standalone=True) as watch:
            written = Transcript(transcript)
            world = loop.run_until_complete(_begin(scenario, written))
            is_over = _lives(loop, world)
            rows = watch.rows()
        try:
            if is_over:
                world.judge()
            world.verdict.rows = rows
            world.verdict.transcript = written.told(world.ledger)
        finally:
            loop.run_until_complete(_end(world))
        world.verdict.wrong += complaints
        return world.verdict
    finally:
        _logger.setLevel(level)
        asyncio.set_event_loop(None)
        loop.close()
        if is_collecting:
            gc.enable()
        gc.collect()


async def _begin(scenario: Scenario, transcript: Transcript) -> World:
    return World(scenario, transcript)


def _lives(loop: VirtualLoop, world: World) -> bool:
    """Run a world to its end. False if it has none: the auditor need not look at all that it did."""
    life = loop.create_task(world.run())
    try:
        loop.run_until_complete(life)
    except Endless as error:
        life.cancel()
        world.verdict.wrong = [*world.ledger.findings, Finding(Rule.LIVENESS, f"there is no end to it: {error}")]
        return False
    return True


async def _end(world: World) -> None:
    """Let every task end, those of the dead too: what is left of them must not be found by another test."""
    for _ in range(END_ROUNDS):
        tasks = [task for task in (*world.discard(), *_others()) if not task.done()]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=1.0)
    stuck = [task for task in world.discard() if not task.done()]
    if stuck:
        text = f"tasks that do not end when they are cancelled: {sorted(task.get_name() for task in stuck)}"
        world.verdict.wrong.append(Finding(Rule.PROCESS_DIED, text))


def _others() -> list[asyncio.Task[Any]]:
    """What belongs to no process: only of a world that has no end is anything left."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    return sorted(tasks, key=asyncio.Task.get_name)


def _complain(context: dict[str, Any], complaints: list[Finding]) -> None:
    """What asyncio tells of callbacks that raised. Of results that nobody took it need not tell: their taker died."""
    message = str(context["message"])
    if "never retrieved" not in message:
        complaints.append(Finding(Rule.PROCESS_DIED, f"{message}: {context.get('exception')!r}"))
