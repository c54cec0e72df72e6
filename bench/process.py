"""A process of a contender: started, watched for its memory, ended."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 30


class BenchProcess:
    """Its output goes to a file that is shown only when something went wrong."""

    def __init__(self, role: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.role = role
        self._log: IO[bytes] = tempfile.TemporaryFile(prefix=f"perdure-bench-{role}-")  # noqa: SIM115 - closed by end
        self._child = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def peak_bytes(self) -> int:
        """The largest resident set that the kernel saw so far."""
        for line in Path(f"/proc/{self._child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def end(self) -> None:
        """Ask it to stop, and make sure."""
        self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._log.close()
