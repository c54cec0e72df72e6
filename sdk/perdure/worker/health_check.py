"""Tells others, in a thread of its own, whether a worker makes progress: by a file, by HTTP, and to systemd.

Role: an event loop that stands still cannot say so. Kubernetes asks by HTTP, or looks how old a file is; systemd is
told (`WatchdogSec=`, `Type=notify`) as long as all is well, and ends a service from which it hears nothing.

Rules: it listens on the loopback interface unless it is told where. It changes nothing of the worker.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from perdure.worker.progress import WorkerProgress

logger = logging.getLogger("perdure.worker")

LIMIT_S = 30.0
"""What lasts for longer is a problem. A worker that only works hard answers in time."""

FILE_S = 5.0
"""How often the file is written: let a probe expect it within half a minute."""

LOOPBACK = "127.0.0.1"


class HealthTarget(NamedTuple):
    """Where to tell: a file, or a host and port."""

    path: Path | None = None
    host: str = LOOPBACK
    port: int = 0

    @staticmethod
    def parse(text: str) -> HealthTarget:
        """`8080`, `0.0.0.0:8080`, `[::]:8080` or the path of a file.

        Raises:
            ValueError: it is neither.
        """
        host, separator, port = text.rpartition(":")
        if port.isascii() and port.isdigit() and "/" not in text and (host or not separator):
            if not 0 < int(port) < 65_536:
                raise ValueError(f"there is no port {port}; give one from 1 to 65535")
            return HealthTarget(None, host.strip("[]") or LOOPBACK, int(port))
        if not text or text.endswith("/"):
            raise ValueError(f"{text!r} names no file; give a port (8080), an address (0.0.0.0:8080) or a file")
        return HealthTarget(Path(text))


class HealthCheck:
    """From `start` to `stop`, for several workers of one process.

    Args:
        target: Where to tell; None: systemd alone, if it asks (`NOTIFY_SOCKET`).
    """

    def __init__(
        self, workers: Sequence[WorkerProgress], target: HealthTarget | None, limit_s: float = LIMIT_S
    ) -> None:
        self._workers = workers
        self._target = target
        self._limit_s = limit_s
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server: ThreadingHTTPServer | None = None
        self._notify_path = os.environ.get("NOTIFY_SOCKET", "")
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdigit() else 0.0

    def start(self) -> None:
        """Begin to tell.

        Raises:
            OSError: the port is taken, or the file cannot be written.
        """
        if self._target is not None and self._target.path is not None:
            self._write(self._target.path)
            self._spawn(self._keep_writing, self._target.path)
        elif self._target is not None:
            family = socket.AF_INET6 if ":" in self._target.host else socket.AF_INET
            server = type("_Server", (ThreadingHTTPServer,), {"address_family": family, "daemon_threads": True})
            self._server = server((self._target.host, self._target.port), self._handler())
            self._spawn(self._server.serve_forever)
        if self._notify_path:
            self._notify("READY=1")
            if self._watchdog_s:
                self._spawn(self._keep_notifying)

    def stop(self) -> None:
        """Tell nothing more."""
        if self._notify_path and not self._stop.is_set():
            self._notify("STOPPING=1")
        self._stop.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for thread in self._threads:
            thread.join()
        if self._target is not None and self._target.path is not None:
            self._target.path.unlink(missing_ok=True)

    def state(self) -> dict[str, Any]:
        """What is told."""
        problems = [problem for worker in self._workers if (problem := worker.problem(self._limit_s)) is not None]
        return {
            "status": "stuck" if problems else "ok",
            "problems": problems,
            "activities": sum(worker.held for worker in self._workers),
        }

    def _spawn(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="perdure-health", daemon=True)
        self._threads.append(thread)
        thread.start()

    # A file ----------------------------------------------------------------------------------------------------------
    def _keep_writing(self, path: Path) -> None:
        while not self._stop.wait(FILE_S):
            try:
                self._write(path)
            except OSError as error:
                logger.error("The health of this worker cannot be written to %s: %s", path, error)

    def _write(self, path: Path) -> None:
        """New while all is well; else it stays as old as it is."""
        state = self.state()
        if not state["problems"]:
            path.write_text(json.dumps(state) + "\n")

    # HTTP ------------------------------------------------------------------------------------------------------------
    def _handler(self) -> type[BaseHTTPRequestHandler]:
        check = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server calls
                state = check.state()
                body = json.dumps(state).encode() + b"\n"
                self.send_response(503 if state["problems"] else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                logger.debug("Health was asked for: " + format, *args)

        return Handler

    # systemd ---------------------------------------------------------------------------------------------------------
    def _keep_notifying(self) -> None:
        while not self._stop.wait(self._watchdog_s / 3):
            state = self.state()
            self._notify(f"STATUS={state['problems'][0]}" if state["problems"] else "WATCHDOG=1")

    def _notify(self, message: str) -> None:
        path = "\0" + self._notify_path[1:] if self._notify_path.startswith("@") else self._notify_path
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
            notifying.sendto(message.encode(), path)  # nobody may listen any more
