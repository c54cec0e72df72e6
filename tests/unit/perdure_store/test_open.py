"""From an address to a store."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perdure_store import open_store
from perdure_store.memory import MemoryStore
from perdure_store.port import StoreError
from perdure_store.postgres import PostgresStore


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://me@host/main", "postgres://me@host/main", "cockroachdb://me@host/main", "host=h dbname=d", ""],
)
def test_databases(dsn: str) -> None:
    assert isinstance(open_store(dsn), PostgresStore)


def test_memory() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


def test_another_kind_is_refused_without_repeating_it() -> None:
    with pytest.raises(StoreError, match=r"mysql://\. Give the address of a Postgres") as caught:
        open_store("mysql://me:secret@host/main")
    assert "secret" not in str(caught.value)


def test_without_the_driver_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from perdure_store.open import open_store\n"
        "open_store('postgresql://me@host/main')"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "StoreError: The database driver is not installed. Run: pip install 'perdure[engine]'" in result.stderr
