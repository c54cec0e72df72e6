"""From SQLSTATE to what the caller must do."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from perdure_store.errors import ConnectionLost, connection_lost, error_text, store_error
from perdure_store.port import (
    BatchRejected,
    FenceLost,
    SchemaMissing,
    SerializationConflict,
    StoreDefect,
    StoreError,
    StoreUnavailable,
    UnknownOutcome,
)

PLACE = "the database 'main' at db:5432"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("40001", SerializationConflict),
        ("40P01", SerializationConflict),
        ("40003", UnknownOutcome),
        ("22P02", BatchRejected),
        ("22021", BatchRejected),
        ("21000", BatchRejected),
        ("23505", BatchRejected),
        ("54000", BatchRejected),
        ("42P01", SchemaMissing),
        ("3F000", SchemaMissing),
        ("42703", SchemaMissing),
        ("42601", StoreDefect),
        ("42804", StoreDefect),
        ("42883", StoreDefect),
        ("0A000", StoreDefect),
        ("42501", StoreUnavailable),
        ("53100", StoreUnavailable),
        ("53300", StoreUnavailable),
        ("25006", StoreUnavailable),
        ("57014", StoreUnavailable),
        ("55P03", StoreUnavailable),
        ("26000", StoreUnavailable),
        ("57P01", ConnectionLost),
        ("25P04", ConnectionLost),
        ("08006", ConnectionLost),
    ],
)
def test_states(state: str, expected: type[StoreError]) -> None:
    mapped = store_error(errors.lookup(state)("what it said"), PLACE)
    assert type(mapped) is expected
    assert PLACE in str(mapped)


@pytest.mark.parametrize("state", ["57P01", "25P04", "08006", "40003"])
def test_a_connection_lost_in_a_commit_leaves_its_outcome_unknown(state: str) -> None:
    assert type(store_error(errors.lookup(state)(), PLACE, committing=True)) is UnknownOutcome


def test_a_connection_that_vanished() -> None:
    error = psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means")
    assert connection_lost(error)
    assert type(store_error(error, PLACE)) is ConnectionLost
    assert type(store_error(error, PLACE, committing=True)) is UnknownOutcome
    assert "\n" not in str(store_error(error, PLACE))


def test_a_statement_behind_a_failed_one_lost_no_connection() -> None:
    assert not connection_lost(errors.PipelineAborted("pipeline aborted"))


def test_the_fence_is_known_by_its_text() -> None:
    error = errors.InvalidTextRepresentation('invalid input syntax for type bigint: "stale shard"')
    assert type(store_error(error, PLACE, committing=True)) is FenceLost


def test_a_pooler_in_between_is_named() -> None:
    text = str(store_error(errors.InvalidSqlStatementName('prepared statement "_pg3_0" does not exist'), PLACE))
    assert "pooler" in text
    assert "session pooling" in text


def test_what_the_driver_itself_refuses_is_the_fault_of_the_batch() -> None:
    assert type(store_error(psycopg.DataError("PostgreSQL text fields cannot contain NUL"), PLACE)) is BatchRejected


def test_what_the_driver_does_not_understand_is_a_defect_and_no_lost_server() -> None:
    mapped = store_error(psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters were passed"), PLACE)
    assert type(mapped) is StoreDefect
    assert "report it" in str(mapped)


def test_an_error_without_words_still_has_some() -> None:
    assert error_text(psycopg.OperationalError()) == "OperationalError"
