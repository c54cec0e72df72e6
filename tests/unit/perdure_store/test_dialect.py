"""Which database it is."""

from __future__ import annotations

from perdure_store.dialect import COCKROACH, DURABLE, LISTS, PLANNER, POSTGRES, TRANSACTION_TIMEOUTS, dialect_of


def test_a_server_is_known_by_its_version() -> None:
    assert dialect_of("PostgreSQL 18.6 on x86_64-pc-linux-gnu, compiled by gcc") is POSTGRES
    assert dialect_of("CockroachDB CCL v24.1.3 (x86_64-pc-linux-gnu, built 2024/08/01)") is COCKROACH


def test_every_setting_has_its_reason() -> None:
    settings = [*PLANNER, *LISTS, *TRANSACTION_TIMEOUTS, *DURABLE]
    assert all(len(setting.reason) > 10 for setting in settings)
    assert all(len({setting.name for setting in group}) == len(group) for group in (PLANNER, LISTS))
