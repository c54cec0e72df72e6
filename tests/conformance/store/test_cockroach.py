"""Whether this run proves anything of CockroachDB: one word on it, whichever way."""

from __future__ import annotations

import psycopg
import pytest

from perdure_store.dialect import COCKROACH, dialect_of
from tests.conformance.store.conftest import COCKROACH_DSN


@pytest.mark.skipif(
    not COCKROACH_DSN, reason="CockroachDB: not proven on this machine; PERDURE_COCKROACH_DSN names a node to run on"
)
def test_the_node_that_was_named_is_cockroachdb() -> None:
    with psycopg.connect(COCKROACH_DSN) as connection:
        row = connection.execute("SELECT version()").fetchone()
    assert row is not None
    assert dialect_of(row[0]) is COCKROACH, f"PERDURE_COCKROACH_DSN names something else: {row[0]}"
