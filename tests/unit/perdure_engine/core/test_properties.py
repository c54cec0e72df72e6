"""Memo and search attributes of a run."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import (
    Command,
    CompleteWorkflowExecution,
    ModifyWorkflowProperties,
    UpsertSearchAttributes,
)
from perdure.protocol.events import EventType
from perdure.protocol.memo import MEMO_SIZE_MAX, pack_memo, unpack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.search_attributes import (
    ATTRIBUTES_MAX,
    SearchAttributeType,
    pack_search_attributes,
    unpack_search_attributes,
)
from perdure_engine.core.transition import Relist
from tests.unit.perdure_engine.core.runs import begun, go_on, names, record_of, running

KEYWORD, INT = int(SearchAttributeType.KEYWORD), int(SearchAttributeType.INT)


def upsert(**values: tuple[int, object]) -> UpsertSearchAttributes:
    return UpsertSearchAttributes(pack_search_attributes(values))


def note(**values: bytes | None) -> ModifyWorkflowProperties:
    notes = {name: None if value is None else Payload({}, value) for name, value in values.items()}
    return ModifyWorkflowProperties(pack_memo(notes))


def test_a_run_begins_with_what_its_start_gave() -> None:
    attributes = pack_search_attributes({"Customer": (KEYWORD, "ada")})
    state = begun(memo=note(a=b"1").upserted_memo, search_attributes=attributes).state
    assert (unpack_memo(state.memo), state.search_attributes) == ({"a": Payload({}, b"1")}, attributes)


def test_updates_add_replace_and_take_away() -> None:
    attributes = pack_search_attributes({"Customer": (KEYWORD, "ada"), "Amount": (INT, 1)})
    run = begun(memo=note(a=b"1", b=b"2").upserted_memo, search_attributes=attributes)
    change = upsert(Amount=(INT, None), Customer=(KEYWORD, "bob"), Step=(KEYWORD, "x"))
    transition = go_on(run, change, note(a=None, b=b"3"))
    assert unpack_search_attributes(run.state.search_attributes) == {
        "Customer": (KEYWORD, "bob"),
        "Step": (KEYWORD, "x"),
    }
    assert unpack_memo(run.state.memo) == {"b": Payload({}, b"3")}
    assert transition.effects.count(Relist()) == 2
    record = record_of(transition, EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
    assert record.attributes == (4, change.search_attributes)


def test_a_run_keeps_what_it_closes_with_just_before_its_end() -> None:
    transition = go_on(begun(), upsert(Step=(KEYWORD, "x")), CompleteWorkflowExecution(b""))
    assert names(transition)[-2:] == ["PROPERTIES_AT_CLOSE", "WORKFLOW_EXECUTION_COMPLETED"]
    kept = record_of(transition, EventType.PROPERTIES_AT_CLOSE)
    assert (kept.event_id, kept.attributes.search_attributes) == (0, pack_search_attributes({"Step": (KEYWORD, "x")}))


def test_a_run_that_changed_nothing_keeps_nothing_more() -> None:
    run = begun(search_attributes=pack_search_attributes({"Step": (KEYWORD, "x")}))
    assert "PROPERTIES_AT_CLOSE" not in names(go_on(run, upsert(Step=(KEYWORD, "x")), CompleteWorkflowExecution(b"")))


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ([upsert(Amount=(INT, "many"))], "search attribute 'Amount' is Int, which takes an integer of 64 bits"),
        ([upsert(Amount=(99, 1))], "search attribute 'Amount' has the unknown type 99"),
        ([UpsertSearchAttributes(b"\xc1")], "not a msgpack value"),
        ([ModifyWorkflowProperties(b"\x01")], "a memo must be a map"),
        ([note(a=b"x" * MEMO_SIZE_MAX)], "the limit is 2,097,152"),
        ([note(a=b"x" * (MEMO_SIZE_MAX // 2)), note(b=b"x" * (MEMO_SIZE_MAX // 2))], "the limit is 2,097,152"),
        (
            [upsert(**{f"A{index}": (INT, 1)}) for index in range(ATTRIBUTES_MAX + 1)],
            "101 search attributes are too many; the limit of one run is 100",
        ),
    ],
)
def test_what_goes_too_far_fails_the_workflow_task(commands: list[Command], message: str) -> None:
    run = begun()
    failed = record_of(go_on(run, *commands), EventType.WORKFLOW_TASK_FAILED)
    assert failed.attributes.cause == "BAD_COMMAND"
    assert message in failed.attributes.failure.message
    assert run.state.memo == run.state.search_attributes == b""


def test_a_reload_gives_the_same_from_history_and_from_a_snapshot() -> None:
    run = running(upsert(Step=(KEYWORD, "x")), note(a=b"1"))
    before = (run.state.memo, run.state.search_attributes)
    for from_snapshot in (False, True):
        run.end_batch()
        run.take_snapshot()
        run.reload(from_snapshot=from_snapshot)
        assert (run.state.memo, run.state.search_attributes) == before
