"""User data is opaque here, but for the list that it comes in."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

import perdure.protocol
from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.payload import (
    Payload,
    PayloadForm,
    pack_payload_map,
    pack_payloads,
    unpack_payload_map,
    unpack_payloads,
)


def test_payloads_survive() -> None:
    payloads = [Payload({"encoding": b"json/plain"}, b"1"), Payload({}, b"")]
    assert unpack_payloads(pack_payloads(payloads)) == payloads


def test_no_values_cost_no_bytes() -> None:
    assert pack_payloads([]) == b""
    assert unpack_payloads(b"") == []


def test_a_newer_version_may_add_to_a_payload() -> None:
    assert unpack_payloads(pack([[{}, b"x", "new"]])) == [Payload({}, b"x")]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (1, "payloads must be an array"),
        ([1], "a payload must be an array of metadata and bytes"),
        ([[{}]], "a payload must be an array of metadata and bytes"),
        ([[{}, "text"]], "a payload must be an array of metadata and bytes"),
        ([[{"encoding": "json"}, b""]], "the metadata of a payload must map text to bytes"),
        ([[{b"encoding": b"json"}, b""]], "the metadata of a payload must map text to bytes"),
    ],
)
def test_what_is_no_list_of_payloads_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        unpack_payloads(pack(value))


def test_payloads_by_name_survive() -> None:
    named = {"user": Payload({"encoding": b"json/plain"}, b"1")}
    assert unpack_payload_map(pack_payload_map(named)) == named
    assert pack_payload_map({}) == b""
    assert unpack_payload_map(b"") == {}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [([1], "payloads by name must be a map"), ({"a": [1]}, "a payload must be an array of metadata and bytes")],
)
def test_what_is_no_map_of_payloads_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        unpack_payload_map(pack(value))


NO_USER_DATA = {
    "hashes",
    "content_hashes",
    "needs",
    "stream",
    "entry_id",
    "page_token",
    "next_page_token",
    "search_attributes",
}
"""Fields that hold what the broker, the frontend or the engine reads."""

OPENED_LATER = {
    "Payload.data": "what a codec is given",
    "HistoryPage.updates": "deliveries, which are coded one by one",
    "WorkflowTask.updates": "deliveries, which are coded one by one",
    "WorkflowTask.events": "records, whose events are coded one by one",
    "ReportUnreadable.data": "an entry that is no message",
    "DeadLetter.data": "a request as it arrived",
    "Description.memo": "decoded when it is asked for",
    "ExecutionSummary.memo": "decoded when it is asked for",
}


def test_every_field_says_whether_it_is_user_data() -> None:
    unsaid = []
    for found in pkgutil.iter_modules(perdure.protocol.__path__):
        module = importlib.import_module(f"perdure.protocol.{found.name}")
        for name, message in inspect.getmembers(module, inspect.isclass):
            if not hasattr(message, "_fields"):
                continue
            for field, hint in get_type_hints(message, include_extras=True).items():
                said = get_origin(hint) is Annotated and isinstance(get_args(hint)[1], PayloadForm)
                known = field in NO_USER_DATA or f"{name}.{field}" in OPENED_LATER
                if hint is bytes and not said and not known:
                    unsaid.append(f"{name}.{field}")
    assert not unsaid, f"declare user data as Payloads, PayloadMap or HeaderMap, so that a codec finds it: {unsaid}"
