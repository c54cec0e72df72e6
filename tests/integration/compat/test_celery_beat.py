"""Periodic tasks of a Celery application against real servers: kept by its worker, and by a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from perdure.client import ActivityExecutionStatus, Client, ScheduleActionExecutionStartActivity
from perdure.service import RPCError, RPCStatusCode
from tests.cluster import PERDURE, ROOT, Cluster
from tests.waiting import wait_until

MODULE = """
from perdure.compat.celery import Celery
from perdure.compat.celery.schedules import crontab

app = Celery("oven", timezone="Europe/Berlin")
app.conf.beat_schedule = {{
    "every-morning": {{"task": "oven.add", "schedule": crontab(30, 7, day_of_week="mon-fri"), "args": (16, 16)}},
    {more}
}}


@app.on_after_configure.connect
def setup_periodic_tasks(sender, **kwargs):
    sender.add_periodic_task(3600.0, add.s(2, 2), name="add every hour", expires=10)


@app.task(name="oven.add")
def add(x, y):
    return x + y
"""

ALIVE = '"alive": {"task": "oven.add", "schedule": 1, "args": (1, 1)}'


def run(cluster: Cluster, directory: Path, *arguments: str) -> Any:
    told = subprocess.run(
        [sys.executable, *PERDURE, "schedule", *arguments, "--json"],
        cwd=directory,
        env={
            **os.environ,
            "PERDURE_ADDRESS": cluster.address,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


async def test_periodic_tasks_run_and_are_kept_up_to_date(
    shared_cluster: Cluster, shared_client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "oven.py"
    file.write_text(MODULE.format(more=ALIVE))

    planned = run(shared_cluster, tmp_path, "import", "oven.py", "--dry-run")
    assert (planned["application"], planned["dry_run"]) == ("oven", True)
    assert planned["schedules"] == [
        {
            "id": "oven.add every hour",
            "change": "create",
            "task": "oven.add",
            "task_queue": "celery",
            "when": "every 3600 s (Europe/Berlin)",
        },
        {
            "id": "oven.alive",
            "change": "create",
            "task": "oven.add",
            "task_queue": "celery",
            "when": "every 1 s (Europe/Berlin)",
        },
        {
            "id": "oven.every-morning",
            "change": "create",
            "task": "oven.add",
            "task_queue": "celery",
            "when": "30 7 * * mon-fri (Europe/Berlin)",
        },
    ]
    assert [row async for row in await shared_client.list_schedules()] == []

    worker = shared_cluster.start_worker(*PERDURE, "worker", str(file))
    alive = shared_client.get_schedule_handle("oven.alive")

    async def has_run() -> bool:
        try:
            actions = (await alive.describe()).info.recent_actions
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        for taken in actions:
            assert isinstance(taken.action, ScheduleActionExecutionStartActivity)
            handle = shared_client.get_activity_handle(taken.action.activity_id)
            if (await handle.describe()).status == ActivityExecutionStatus.COMPLETED:
                return bool(await handle.result() == 2)
        return False

    await wait_until(has_run, what="a periodic task has run")
    worker.stop()
    assert {row["change"] for row in run(shared_cluster, tmp_path, "import", "oven.py")["schedules"]} == {"keep"}

    file.write_text(MODULE.format(more=""))
    changed = {row["id"]: row["change"] for row in run(shared_cluster, tmp_path, "import", "oven.py")["schedules"]}
    assert changed == {"oven.alive": "delete", "oven.add every hour": "keep", "oven.every-morning": "keep"}
    found = (await shared_client.get_schedule_handle("oven.every-morning").describe()).info.next_action_times
    assert {moment.strftime("%M") for moment in found} == {"30"}
    assert {moment.weekday() for moment in found} <= {0, 1, 2, 3, 4}
