"""A client process that is talked to by lines, so that several can begin together."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from bench.contenders.client_process import LAST_WORDS_CHARACTERS, last_words
from bench.contenders.contender import ContenderFailed
from bench.process import BenchProcess

TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Dialogue:
    """One client, and the processes to blame when it fails."""

    child: subprocess.Popen[str]
    errors: IO[str]
    processes: Sequence[BenchProcess]

    def expect(self, beginning: str) -> str:
        """The next line that begins so; a peer may print others.

        Raises:
            ContenderFailed: the client ended before.
        """
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if line.startswith(beginning):
                return line.strip()
        self.child.wait()
        self.errors.seek(0)
        said = self.errors.read()[-LAST_WORDS_CHARACTERS:]
        raise ContenderFailed(f"a client ended without an answer:\n{said}\n{last_words(self.processes)}")

    def tell(self, line: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()


@contextmanager
def dialogue(
    command: Sequence[str],
    environment: Mapping[str, str],
    processes: Sequence[BenchProcess],
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Dialogue]:
    """A client that runs `command`, killed when it takes longer or is not needed any more."""
    with tempfile.TemporaryFile("w+", prefix="perdure-bench-client-") as errors:
        child = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        watchdog = threading.Timer(timeout_s, child.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield Dialogue(child, errors, processes)
        finally:
            watchdog.cancel()
            child.kill()
            child.communicate()
