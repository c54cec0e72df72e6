"""Starting workflows and activities inside your own database transaction: if it commits, once; if not, never.

Role: `Outbox` writes a start as a row of your database, in the transaction that is open there; `OutboxRelay` (or
`perdure outbox run`) takes it to the cluster; `OutboxTable` (or `perdure outbox create`) makes the table.

Rules: what enqueues needs neither a cluster nor a driver but the caller's own. psycopg, which a relay needs, comes with
`pip install 'perdure[outbox]'`, and is imported when it is used.
"""

from __future__ import annotations

from perdure.outbox.driver import DriverMissing, OutboxUnavailable
from perdure.outbox.outbox import Outbox
from perdure.outbox.preparing import OutboxStart
from perdure.outbox.relay import OutboxRelay
from perdure.outbox.table import OutboxEntry, OutboxTable

__all__ = [
    "DriverMissing",
    "Outbox",
    "OutboxEntry",
    "OutboxRelay",
    "OutboxStart",
    "OutboxTable",
    "OutboxUnavailable",
]
