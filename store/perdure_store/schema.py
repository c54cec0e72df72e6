"""Whether this version of the engine and the schema of a database fit each other.

Role: compare the steps that this version knows with the ledger, and its version with the floor of the cluster. The
steps themselves are run by `migration`.

Rules:
- A step that this version does not know is no reason to refuse: what a later version adds, an earlier one does not
  notice. What it takes away raises the floor first.
- Steps that wait for the end of earlier versions (`after`) may be missing: this version works without them.
"""

from __future__ import annotations

from perdure_store import sql
from perdure_store.address import Address
from perdure_store.connection import Link
from perdure_store.dialect import Dialect, dialect_of
from perdure_store.errors import MIGRATE_HINT
from perdure_store.port import SchemaMissing, SchemaTooNew


async def dialect_of_server(link: Link) -> Dialect:
    rows = await link.fetch("select_version")
    return dialect_of(rows[0][0])


async def check(link: Link, dialect: Dialect) -> None:
    """Whether this version can work with the schema.

    Raises:
        SchemaMissing, SchemaTooNew
    """
    try:
        present = {row[0] for row in await link.fetch("select_steps")}
    except SchemaMissing:
        raise SchemaMissing(f"{link.address} has no schema of Perdure; {MIGRATE_HINT}.") from None
    missing = [step.name for step in sql.migration_steps(dialect.name) if not step.after and step.name not in present]
    if missing:
        raise SchemaMissing(
            f"{link.address} has an older schema of Perdure: {len(missing)} steps are missing, the first is "
            f"{missing[0]!r}; {MIGRATE_HINT} of this version before its engines start."
        )
    rows = await link.fetch("select_schema_floor")
    if not rows or not await link.fetch("select_shards"):
        raise SchemaMissing(f"{link.address} has a schema of Perdure that was not finished; {MIGRATE_HINT}.")
    admit(rows[0][0], link.address)


def admit(floor: int, address: Address) -> None:
    """Refuse this version where a later one has begun to take away what this one needs.

    Raises:
        SchemaTooNew
    """
    if sql.schema_version() < floor:
        raise SchemaTooNew(
            f"{address} has been migrated to the end for schema version {floor}, and this version of perdure is made "
            f"for {sql.schema_version()}: upgrade this installation of perdure."
        )
