"""Memory is read when it stands still."""

from __future__ import annotations

import pytest

from bench.contenders.waiting_tasks import is_settled, measurement_of_waiting


@pytest.mark.parametrize(
    ("samples", "settled"),
    [
        ([5_000_000] * 3, False),
        ([5_000_000] * 8, True),
        ([1_000_000, 3_000_000, 4_000_000, 5_000_000, *[6_000_000] * 4], False),
        ([0, *[6_000_000 + 1_000 * number for number in range(8)]], True),
        ([100_000_000 + 50_000 * number for number in range(8)], True),
    ],
)
def test_settled(samples: list[int], settled: bool) -> None:
    assert is_settled(samples) is settled


def test_what_waits_has_a_size_and_no_latency() -> None:
    measured = measurement_of_waiting(1_000, 2.0, 3_000_000)
    assert (measured.workflows_per_s, measured.redis_bytes, measured.p50_ms) == (500, 3_000_000, 0)
