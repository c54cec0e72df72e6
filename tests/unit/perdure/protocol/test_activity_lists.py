"""Lists and counts of activities without a workflow, on the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.activity_lists import (
    ActivityCount,
    ActivityPage,
    ActivitySummary,
    CountActivities,
    ListActivities,
    decode_activity_count,
    decode_activity_page,
)
from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.frontend import decode_frontend_request, numbered_frontend_request

ROW = ActivitySummary("default", "a", "run", "send", "mails", 2, 5, 9, "{}")


def test_round_trip() -> None:
    page = ActivityPage((ROW, ROW._replace(close_time_us=0)), b"token")
    assert decode_activity_page(unpack(pack(page))) == page
    assert decode_activity_count(unpack(pack(ActivityCount(3)))) == ActivityCount(3)
    for request in (ListActivities("default", "q", 5, b"token"), CountActivities("default", "q")):
        row = unpack(pack(numbered_frontend_request(1, request)))
        assert decode_frontend_request(row).request == request


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode_activity_page(unpack(pack(((5,), b""))))
