"""From what the driver raises to what the port promises.

Role: the one place that reads SQLSTATEs. The question is always what the caller must do: read the fence
(`UnknownOutcome`), send the same again (`SerializationConflict`, `StoreUnavailable`), give up the shard (`FenceLost`),
or look for the guilty request (`BatchRejected`).

Rules:
- Only what a value of the batch can cause is `BatchRejected`: its requests go to the dead letters. A full disk or a
  missing right would fail every batch alike until somebody mends it, so they are `StoreUnavailable`.
- A statement that is wrong by itself fails every batch for ever. It must neither look like a lost server nor send every
  request to the dead letters: it is a `StoreDefect`, which ends the engine with its text.
- No text holds a password.
"""

from __future__ import annotations

import psycopg

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

FENCE_TEXT = "stale shard"
"""What the fence statement casts to an integer when it must fail."""

_CONFLICTS = {"40001", "40P01"}
_UNKNOWN = {"40003"}
_NO_SCHEMA = {"42P01", "3F000", "42703"}
_NO_RIGHT = {"42501"}
_PREPARED_LOST = {"26000", "42P05"}

_DATA_CLASSES = {"21", "22", "23", "54"}
"""Cardinality, data, constraints, program limits (an index entry too large): a value of the batch is to blame."""


class ConnectionLost(StoreUnavailable):
    """The connection ended under a statement; the server may well be there. A read may be asked again at once."""


MIGRATE_HINT = "run `perdure db migrate`"


def connection_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone: no SQLSTATE, since no server said it, or a server that is shutting down."""
    state = error.sqlstate
    if isinstance(error, psycopg.errors.PipelineAborted):
        return False
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith("08") or state in {"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"}


def store_error(error: psycopg.Error, place: str, *, committing: bool = False) -> StoreError:
    """The error of the port for one of the driver's.

    Args:
        place: the server, without a password, for the text.
        committing: COMMIT had been sent, or may have been.
    """
    state = error.sqlstate
    text = error_text(error)
    if state in _UNKNOWN or (committing and connection_lost(error)):
        return UnknownOutcome(f"The connection to {place} was lost while a commit was under way: {text}")
    if connection_lost(error):
        return ConnectionLost(f"The connection to {place} was lost: {text}")
    if state in _CONFLICTS:
        return SerializationConflict(f"{place} asks for the transaction again ({state}): {text}")
    if state is not None and state.startswith("22") and FENCE_TEXT in text:
        return FenceLost("A shard of the batch belongs to a newer owner, or has moved on; nothing was written.")
    if state in _PREPARED_LOST:
        return StoreUnavailable(
            f"Prepared statements vanish on the way to {place} ({state}): a pooler in transaction mode is between. "
            "Connect directly, or use session pooling."
        )
    if state in _NO_SCHEMA:
        return SchemaMissing(f"{place} lacks a part of Perdure's schema ({text}); {MIGRATE_HINT}.")
    if state is not None and state[:2] in _DATA_CLASSES:
        return BatchRejected(f"{place} refuses a value ({state}): {text}")
    if isinstance(error, psycopg.DataError):
        return BatchRejected(f"A value cannot be written: {text}")
    if isinstance(error, psycopg.ProgrammingError | psycopg.NotSupportedError) and state not in _NO_RIGHT:
        return StoreDefect(
            f"{place} does not understand a statement ({state or type(error).__name__}): {text}. Either its schema was "
            "changed by hand, or this is a defect of perdure; please report it with this text."
        )
    return StoreUnavailable(f"{place} cannot carry out the statement ({state or type(error).__name__}): {text}")


def error_text(error: psycopg.Error) -> str:
    """The first line that the server said; values of rows (its `DETAIL`) stay out."""
    primary = error.diag.message_primary
    text = primary if primary else str(error)
    return " ".join(text.split()) or type(error).__name__
