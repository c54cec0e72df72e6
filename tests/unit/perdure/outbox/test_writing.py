"""One statement on connections of several kinds. (Real ones: `tests/integration/outbox`.)"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from perdure.exceptions import RequestError
from perdure.outbox.statements import named_statement, statement
from perdure.outbox.writing import check_transaction, execute, is_async
from tests.unit.perdure.outbox.connections import KeepingAsyncConnection, KeepingConnection


class KeepingSession(Session):
    given: Any = None

    def execute(self, statement: Any, parameters: Any = None, **more: Any) -> Any:
        self.given = (statement.text, parameters)


def test_what_is_asynchronous_is_known_by_its_execute() -> None:
    assert is_async(KeepingAsyncConnection())
    assert not is_async(KeepingConnection())
    with pytest.raises(TypeError, match=r"a builtins\.str: give a psycopg connection"):
        is_async("postgresql://here")
    with pytest.raises(TypeError, match=r"asyncpg\.Connection: give its cursor, or an SQLAlchemy connection"):
        is_async(type("Connection", (KeepingConnection,), {"__module__": "asyncpg", "cursor": None})())


def test_each_kind_gets_its_form() -> None:
    connection, session = KeepingConnection(), KeepingSession()
    execute(connection, "enqueue", {"kind": "workflow"})
    execute(session, "enqueue", {"kind": "workflow"})
    assert connection.given == [(statement("enqueue"), {"kind": "workflow"})]
    assert session.given == (named_statement("enqueue"), {"kind": "workflow"})


@pytest.mark.parametrize(("autocommit", "status", "refused"), [(True, 0, True), (True, 2, False), (False, 0, False)])
def test_a_connection_that_commits_by_itself_is_refused(autocommit: bool, status: int, refused: bool) -> None:
    connection = SimpleNamespace(autocommit=autocommit, info=SimpleNamespace(transaction_status=status))
    for given in (connection, SimpleNamespace(connection=connection)):
        if refused:
            with pytest.raises(RequestError, match=r"with connection\.transaction\(\):"):
                check_transaction(given)
        else:
            check_transaction(given)
    check_transaction(KeepingSession())
