"""`perdure demo` as a user runs it: servers of its own, three acts, a summary that holds."""

from __future__ import annotations

import json
import subprocess
import sys

THREE_MINUTES = 180


def test_demo_shows_what_it_promises() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "perdure.cli.main", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=THREE_MINUTES,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    summary = json.loads(result.stdout)
    assert summary["holds"]
    assert summary["workers_killed"] == 1
    assert summary["model_calls"]["billed"] == summary["model_calls"]["wanted"]
    fan_out, saga, kill = summary["acts"]
    assert (fan_out["runs"], fan_out["activities"], fan_out["retries"]) == (1000, 3000, 0)
    assert saga["activities"] == saga["runs"] * 5, "three bookings, of which one fails, and two to undo"
    assert saga["retries"] == saga["runs"], "the hotel's line is busy at the first try"
    assert kill["activities"] == kill["runs"] * 3
    assert kill["retries"] > 0, "the kill found nothing running"
