"""Where Postgres and CockroachDB cannot be served by the same words: one table, each entry with its reason and source.

Role: everything else (queries, adapter, tests) is written once for both, and asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

DialectName = Literal["postgres", "cockroach"]


class Setting(NamedTuple):
    """A session setting; a server that does not list it in `pg_settings` does without."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs.

    Attributes:
        name: also names the migration files that only this database gets.
        ends_blockers: a new owner can end the sessions of a stopped one that holds a row lock. CockroachDB has no
            `pg_blocking_pids` (https://github.com/cockroachdb/cockroach/issues/40283); there `transaction_timeout` ends
            the stopped transaction.
        begin_urgent: how a takeover's transaction begins. On CockroachDB one of high priority pushes a stopped owner's
            locks aside (https://www.cockroachlabs.com/docs/stable/transactions#transaction-priorities); Postgres has no
            priorities.
        byte_order: an order by text must ask for that of its bytes. CockroachDB has no other unless a column asks for
            it (https://www.cockroachlabs.com/docs/stable/collate); a database of Postgres has its own.
    """

    name: DialectName
    ends_blockers: bool
    begin_urgent: str
    byte_order: bool


POSTGRES = Dialect(name="postgres", ends_blockers=True, begin_urgent="BEGIN", byte_order=True)
COCKROACH = Dialect(name="cockroach", ends_blockers=False, begin_urgent="BEGIN PRIORITY HIGH", byte_order=False)

PLANNER = (
    Setting("enable_seqscan", "off", "hot tables are near empty when a statement is planned, and large when it runs"),
    Setting("enable_hashjoin", "off", "a batch probes by primary key; hashing the table would read all of it"),
    Setting("enable_mergejoin", "off", "as for hash joins"),
    Setting("enable_bitmapscan", "off", "a bitmap reads all entries of a range before a LIMIT can stop it"),
    Setting("enable_material", "off", "keeps a probe by key a probe, instead of one scan that is kept in memory"),
    Setting(
        "plan_cache_mode", "force_generic_plan", "one plan fits every batch; planning again costs more than running"
    ),
    Setting("jit", "off", "no statement runs long enough to pay for compilation"),
)
"""For the connections of the hot path, whose statements must use their indexes whatever the statistics say."""

LISTS = (
    Setting("plan_cache_mode", "force_custom_plan", "the best index of a list depends on what its filter names"),
    Setting("jit", "off", "a page of a list is short"),
)
"""For the connection that serves lists and counts, where the statistics are to be trusted."""

TRANSACTION_TIMEOUTS = (
    Setting("transaction_timeout", "5s", "a stopped owner must not keep row locks from its successor (Postgres 17+)"),
    Setting("idle_in_transaction_session_timeout", "5s", "the same, where the owner was stopped between statements"),
)

MIGRATION = (
    Setting("lock_timeout", "1s", "a change of a table that waits for a long transaction holds up all that come after"),
)
"""For the connection that changes the schema beside working engines."""


DURABLE = (
    Setting("synchronous_commit", "on", "what was acknowledged survives a crash of the server, whatever its default"),
)
"""For connections that write. A server that waits for its standbys (`synchronous_standby_names`) still does so."""


def dialect_of(version: str) -> Dialect:
    """The dialect of a server, from its `version()`."""
    return COCKROACH if "CockroachDB" in version else POSTGRES
