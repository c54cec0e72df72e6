"""Restate: its server from npm, on a disk of its own (it has neither Postgres nor Redis), and its Python SDK.

The server with its defaults, in a directory that goes with the turn; the service under hypercorn, over HTTP/2, as the
SDK's guide has it, with as many processes as the machine has processors. A step is `ctx.run_typed`. The client calls a
handler through the ingress, from request to response.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from bench.contenders.client_process import last_words
from bench.contenders.contender import ContenderFailed
from bench.contenders.missing_parts import NODE_FOLDER, missing_module, missing_node_package
from bench.contenders.workflow_peer import PROCESSES, Running, WorkflowPeer
from bench.peers.restate_settings import INGRESS
from bench.peers.surroundings import environment
from bench.process import BenchProcess
from bench.servers import Servers

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1


class RestateServer(WorkflowPeer):
    module: ClassVar = "bench.peers.restate_app"
    pace: ClassVar = 0.25

    @classmethod
    def absence(cls) -> str | None:
        return missing_node_package("@restatedev/restate-server") or missing_module("restate", "hypercorn", "aiohttp")

    @contextmanager
    def running(self, servers: Servers) -> Iterator[Running]:
        ingress, admin, node, service = _free_ports(4)
        with tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder, ExitStack() as stack:
            told = environment(
                RESTATE_BASE_DIR=folder,
                RESTATE_LISTEN_MODE="tcp",
                RESTATE_BIND_IP=LOOPBACK,
                RESTATE_BIND_PORT=str(node),
                RESTATE_INGRESS__BIND_PORT=str(ingress),
                RESTATE_ADMIN__BIND_PORT=str(admin),
                RESTATE_DISABLE_TELEMETRY="true",
                RESTATE_LOG_FILTER="warn",
            )
            told[INGRESS] = f"http://{LOOPBACK}:{ingress}"
            serve = [sys.executable, "-m", "hypercorn", "--workers", str(PROCESSES), "--bind", f"{LOOPBACK}:{service}"]
            commands = {
                "server": [str(NODE_FOLDER / "node_modules" / ".bin" / "restate-server")],
                "service": [*serve, "bench.peers.restate_app:app"],
            }
            processes = [BenchProcess(role, command, told) for role, command in commands.items()]
            for process in processes:
                stack.callback(process.end)
            _register(f"http://{LOOPBACK}:{admin}", f"http://{LOOPBACK}:{service}", processes)
            yield Running(processes, told)


def _register(admin: str, service: str, processes: list[BenchProcess]) -> None:
    """Tell the server where the service is, as soon as both are there."""
    body = json.dumps({"uri": service}).encode()
    request = urllib.request.Request(f"{admin}/deployments", body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=START_TIMEOUT_S):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline or not all(process.running for process in processes):
                raise ContenderFailed(f"no deployment was registered: {error}\n{last_words(processes)}") from error
        time.sleep(POLL_INTERVAL_S)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind((LOOPBACK, 0))
        return [int(held.getsockname()[1]) for held in sockets]
