"""Records of executions: `executions.Audited` compares one with memory at each step of every test here."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.tasks import WorkflowTask, encode_task
from perdure_engine.core.standalone.record import decode_record, from_entry
from tests.unit.perdure_engine.core.standalone.executions import Audited, completed, request


def test_one_that_completed_has_no_input_any_more() -> None:
    said = Audited(request(input=b"in" * 1000))
    said.decide(completed(said))
    stored = decode_record(said.columns(), said.kept)
    assert stored.attributes.input == b""
    assert len(said.kept) < 100
    assert stored.outcome == said.execution.outcome


@pytest.mark.parametrize("data", [b"", pack((99, ())), pack((1, ("no",))), pack("text")])
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_record(Audited().columns(), data)


def test_what_is_no_entry_of_one() -> None:
    task = WorkflowTask("default", "w", "r", "t", 0, 1, 1, 0, 0, b"")
    for entry in (encode_task(task), Audited(request(input=b"x" * 50_000)).entry):
        with pytest.raises(DecodeError, match="does not tell"):
            from_entry(entry)
