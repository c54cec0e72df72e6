"""An application that is killed the moment its transaction has committed.

python -m tests.integration.outbox.caller DSN ACTIVITY_ID TASK_QUEUE
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta

import psycopg

from perdure.outbox import Outbox


def main(dsn: str, activity_id: str, task_queue: str) -> None:
    connection = psycopg.connect(dsn)
    Outbox().start_activity(
        connection,
        "note",
        activity_id,
        id=activity_id,
        task_queue=task_queue,
        start_to_close_timeout=timedelta(seconds=30),
    )
    connection.commit()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
