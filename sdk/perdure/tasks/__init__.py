"""Tasks: functions that run somewhere else, some time later, and whose results are kept.

    from perdure import task

    @task(queue="mails")
    def send(to: str, subject: str) -> int: ...

    send("ada@example.org", "Hello")                    # runs here and now
    handle = send.delay("ada@example.org", "Hello")     # runs on a worker of the queue "mails"
    handle.get(timeout=10)
    await (await send.adelay("ada@example.org", "Hello"))

`perdure worker MODULE` runs the tasks of a module. A task is an activity without a workflow: `Client.start_activity`
starts it by its name, and a workflow calls it like any other activity. `perdure.tasks.canvas` puts tasks together.
"""

from perdure.deduplication import Deduplication
from perdure.tasks.background import configure
from perdure.tasks.canvas import chain, chord, group
from perdure.tasks.definition import Task, task
from perdure.tasks.errors import Retry, TaskTimeout
from perdure.tasks.handle import TaskHandle
from perdure.tasks.options import RETRY_POLICY, TaskOptions
from perdure.tasks.surroundings import using

__all__ = [
    "RETRY_POLICY",
    "Deduplication",
    "Retry",
    "Task",
    "TaskHandle",
    "TaskOptions",
    "TaskTimeout",
    "chain",
    "chord",
    "configure",
    "group",
    "task",
    "using",
]
