"""`perdure worker`: run what a module defines."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Sequence
from datetime import timedelta

import click
import uvloop

from perdure.activity.definition import ActivityDefinition
from perdure.cli.application import Application, chosen_address, chosen_queues
from perdure.cli.definitions import Definitions, load_definitions
from perdure.cli.health import health_target, health_told
from perdure.cli.json_input import duration
from perdure.cli.options import address_option, json_option, log_level_option, namespace_option
from perdure.cli.output import console, note, print_json
from perdure.cli.schedule_import import keep_schedules
from perdure.cli.stopping import Stopping
from perdure.cli.worker_pool import WorkerPool, pool_options, worker_pool
from perdure.client import Client
from perdure.service import RPCError, RPCStatusCode
from perdure.worker import ProcessPool, Worker
from perdure.worker.health_check import HealthTarget

RETRY_S = 1.0
WAITED_FOR = RPCStatusCode.UNAVAILABLE
"""No server yet, or no engine yet: both come when they come."""


@click.command()
@click.argument("module")
@click.option(
    "--task-queue",
    envvar="PERDURE_TASK_QUEUE",
    show_envvar=True,
    help="What to poll; by default the module's TASK_QUEUE, or that of its tasks; of an application all that it names "
    "(here with commas between them).",
)
@click.option("--activity-slots", type=click.IntRange(min=1), help="Activities at once; by default 1,000.")
@click.option("--workflow-slots", type=click.IntRange(min=1), help="Workflow tasks at once; by default 1,000.")
@pool_options
@click.option(
    "--grace",
    type=duration,
    default="10s",
    show_default=True,
    help="How long what runs may finish when it stops. A second signal ends it at once.",
)
@click.option(
    "--health-check",
    type=health_target,
    metavar="PORT|FILE",
    envvar="PERDURE_HEALTH_CHECK",
    show_envvar=True,
    help="Tell whether the worker makes progress: by HTTP on this port of 127.0.0.1 (or HOST:PORT), which answers 200 "
    "or 503; or by a file that is written anew for as long as all is well.",
)
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait for the cluster, if it cannot be reached yet."
)
@address_option
@namespace_option
@json_option
@log_level_option("info")
def worker(
    module: str,
    task_queue: str | None,
    activity_slots: int | None,
    workflow_slots: int | None,
    pool: str,
    concurrency: int | None,
    max_tasks_per_child: int | None,
    max_memory_per_child: int | None,
    grace: timedelta,
    health_check: HealthTarget | None,
    wait: bool,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Run the workflows, activities and tasks that MODULE defines: pkg.mod, file.py, or either with :attribute."""
    found = load_definitions(module)
    queues = chosen_queues(found.application, task_queue, found.task_queue)
    address = chosen_address(found.application, address)
    if not queues:
        raise click.UsageError(
            f"{module} has no TASK_QUEUE, and no tasks of one queue; say which task queue to poll: --task-queue QUEUE"
        )

    if found.application is not None and (concurrency or max_tasks_per_child or max_memory_per_child):
        raise click.UsageError(
            f"{module} is an application, whose configuration says how it works (worker_pool, worker_concurrency, "
            "worker_max_tasks_per_child): leave the options out"
        )
    plain = () if found.application is not None else found.activities
    places = worker_pool(plain, pool, concurrency, max_tasks_per_child, max_memory_per_child)

    async def work() -> None:
        stop = Stopping().asked
        client = await connect_when_there(address, namespace, wait, stop)
        if client is None:
            return
        async with client:
            application = found.application
            executor: concurrent.futures.Executor | None = places.threads
            pool = places.processes
            if application is not None:
                await keep_schedules(application, client)
                place = application.executor(module, address, namespace)
                executor, pool = (None, place) if isinstance(place, ProcessPool) else (place, None)
            running = [
                Worker(
                    client,
                    task_queue=queue,
                    workflows=found.workflows,
                    activities=found.activities,
                    activity_executor=executor,
                    max_concurrent_activities=activity_slots,
                    max_concurrent_workflow_tasks=workflow_slots,
                    graceful_shutdown_timeout=grace,
                    task_pool=pool,
                )
                for queue in queues
            ]
            with health_told([each.watched() for each in running], health_check):
                _announce(found, queues, client, places, as_json)
                await _run(running, stop, application)

    uvloop.run(work())


async def _run(running: Sequence[Worker], stop: asyncio.Event, application: Application | None) -> None:
    """Work until told to stop, or until a worker ends by itself, which it does only with an error."""
    working = [asyncio.create_task(each.run()) for each in running]
    told = asyncio.create_task(stop.wait())
    try:
        if application is not None:
            await asyncio.to_thread(application.ready)
        await asyncio.wait((*working, told), return_when=asyncio.FIRST_COMPLETED)
        if application is not None:
            await asyncio.to_thread(application.stopping)
        if stop.is_set():
            note("Stopping: what runs is given time to end. A second signal ends it at once.")
        await asyncio.gather(*(each.shutdown() for each in running))
        await asyncio.gather(*working)
    finally:
        told.cancel()
        if application is not None:
            await asyncio.to_thread(application.stopped)


async def connect_when_there(address: str, namespace: str, wait: bool, stop: asyncio.Event) -> Client | None:
    """A client, as soon as there is a cluster; None when told to stop before.

    Raises:
        RPCError: the server cannot be used; or, without `wait`, there is none yet.
    """
    told = False
    while not stop.is_set():
        try:
            return await Client.connect(address, namespace=namespace)
        except RPCError as error:
            if not wait or error.status != WAITED_FOR:
                raise
            if not told:
                note(f"{error} Waiting for it.")
                told = True
        try:
            await asyncio.wait_for(stop.wait(), RETRY_S)
        except TimeoutError:
            continue
    return None


def _announce(found: Definitions, queues: Sequence[str], client: Client, places: WorkerPool, as_json: bool) -> None:
    workflows = sorted(found.workflows, key=lambda member: str(member.__name__))
    names = [str(member.__name__) for member in workflows]
    activities = [ActivityDefinition.to_register(activity).name or "(dynamic)" for activity in found.activities]
    if as_json:
        print_json(
            {"task_queue": ",".join(queues), "identity": client.identity, "workflows": names, "activities": activities}
        )
    else:
        out = console()
        named = ", ".join(map(repr, queues))
        what = "the task queue" if len(queues) == 1 else "the task queues"
        out.print(f"Working on {what} {named} as {client.identity}", style="bold green", markup=False)
        out.print(f"  workflows   {', '.join(names) or 'none'}", markup=False)
        out.print(f"  activities  {', '.join(activities) or 'none'}", markup=False)
        if places.processes is not None:
            out.print(f"  processes   {places.processes.size}, for tasks that are `def`", markup=False)
        out.print("Ctrl-C stops it; a second one stops it at once.")
    sys.stdout.flush()
