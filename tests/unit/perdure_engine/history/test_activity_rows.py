"""Executions and their rows."""

from __future__ import annotations

import pytest

from perdure.protocol.activity_executions import Deduplicate
from perdure.protocol.codec import DecodeError
from perdure.protocol.search_attributes import pack_search_attributes
from perdure_engine.history.activity_rows import execution_of, open_execution, row_of
from tests.store_rows import task
from tests.unit.perdure_engine.core.standalone.executions import MINUTE, Audited, completed, failed, request


def test_a_row_and_back() -> None:
    said = Audited(request(search_attributes=pack_search_attributes({"Amount": (3, 5)})))
    said.decide(failed(said))
    row = row_of(said.execution)
    assert row.search_attributes == '{"Amount:Int": 5}'
    assert execution_of(row) == said.execution


def test_an_open_one_is_told_by_its_task_and_its_row() -> None:
    said = Audited()
    out = task(data=said.entry, heartbeat=b"half")
    assert open_execution(None, out).heartbeat_details == b"half"
    said.decide(failed(said))
    assert open_execution(row_of(said.execution), None).attempt == 2


def test_what_cannot_be_read() -> None:
    with pytest.raises(DecodeError):
        execution_of(row_of(Audited().execution)._replace(data=b"no"))


def test_one_that_is_kept_for_a_time_of_its_own() -> None:
    said = Audited(request(MINUTE._replace(keep_result_ms=5_000)))
    assert row_of(said.execution).expires_us == 0, "it is open"
    said.decide(completed(said))
    assert row_of(said.execution).expires_us == said.now_us + 5_000_000


@pytest.mark.parametrize(("keep_ms", "kept_until_s"), [(0, -5), (1_000, 5), (60_000, 60)])
def test_a_row_outlives_the_window_of_its_deduplication(keep_ms: int, kept_until_s: int) -> None:
    options = MINUTE._replace(keep_result_ms=keep_ms)
    said = Audited(request(options, deduplication=Deduplicate(2, 5_000, 1)))
    said.decide(completed(said))
    second = 1_000_000
    sign = -1 if kept_until_s < 0 else 1
    assert row_of(said.execution).expires_us == sign * (said.now_us + abs(kept_until_s) * second)
