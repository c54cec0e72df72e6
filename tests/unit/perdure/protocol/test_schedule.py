"""Schedules on the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack, struct_decoder, unpack
from perdure.protocol.schedule import (
    RANGES_MAX,
    CalendarSpec,
    IntervalSpec,
    Range,
    Schedule,
    ScheduleAction,
    ScheduleSpec,
)
from tests.engine_stage import start_request

SPEC = ScheduleSpec((CalendarSpec(hour=(Range(9, 17, 2),)),), (IntervalSpec(60_000_000),), ("@daily",))


def test_a_schedule_survives_the_wire() -> None:
    schedule = Schedule(ScheduleAction(start_request()), SPEC)
    read = struct_decoder(Schedule)(unpack(pack(schedule)))
    assert read == schedule
    assert type(read.spec.calendars[0].hour[0]) is Range


@pytest.mark.parametrize(
    "spec",
    [
        SPEC._replace(calendars=(CalendarSpec(hour=((9, "x", 1),)),)),  # type: ignore[arg-type]
        SPEC._replace(calendars=(CalendarSpec(hour=(9,)),)),  # type: ignore[arg-type]
        SPEC._replace(skip=(CalendarSpec(hour=(Range(1, 1),) * (RANGES_MAX + 1)),)),
        SPEC._replace(cron_expressions=(5,)),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_spec_is_refused(spec: ScheduleSpec) -> None:
    with pytest.raises(DecodeError):
        struct_decoder(ScheduleSpec)(unpack(pack(spec)))
