"""Lists and counts of activities without a workflow."""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.codec import struct_decoder


class ListActivities(NamedTuple):
    """Executions that match `query`, newest first. `page_token` is `b""` at first, then what the page before returned.

    Reply: `ActivityPage`; INVALID_ARGUMENT says what a query may be."""

    namespace: str
    query: str = ""
    page_size: int = 100
    page_token: bytes = b""


class CountActivities(NamedTuple):
    """How many match `query`. Reply: `ActivityCount`; INVALID_ARGUMENT, as for a list."""

    namespace: str
    query: str = ""


class ActivitySummary(NamedTuple):
    """One row of a list. `close_time_us` is 0 while it is open; `search_attributes` is JSON text."""

    namespace: str
    activity_id: str
    run_id: str
    activity_type: str
    task_queue: str
    status: int
    scheduled_time_us: int
    close_time_us: int = 0
    search_attributes: str = ""


class ActivityPage(NamedTuple):
    """A page may be short, or empty, and not be the last one: `next_page_token` is empty on that."""

    rows: tuple[ActivitySummary, ...]
    next_page_token: bytes = b""


class ActivityCount(NamedTuple):
    total: int


decode_activity_page = struct_decoder(ActivityPage)
decode_activity_count = struct_decoder(ActivityCount)
