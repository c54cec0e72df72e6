"""`perdure dev` as a process of this one, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from perdure.exceptions import RequestError

START_S = 60.0
STOP_S = 30.0

COMMAND = [sys.executable, "-m", "perdure.cli.main", "dev", "--json"]


@contextlib.asynccontextmanager
async def local_cluster(port: int | None, data_dir: Path | str | None) -> AsyncIterator[str]:
    """The address of a cluster that runs for the time of the block.

    Raises:
        RequestError: it did not start; says what it said.
    """
    with contextlib.ExitStack() as resources:
        directory = data_dir or resources.enter_context(tempfile.TemporaryDirectory(prefix="perdure-test-"))
        port = port or _free_port()
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("--port", str(port), "--data-dir", str(directory)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        talking = asyncio.create_task(_collect(process))
        try:
            await _wait_ready(process, talking)
            yield f"127.0.0.1:{port}"
        finally:
            await _stop(process, talking)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _collect(process: asyncio.subprocess.Process) -> str:
    """What the process says on its standard error, to its end: an unread pipe would stop it."""
    assert process.stderr is not None
    return (await process.stderr.read()).decode(errors="replace")


async def _wait_ready(process: asyncio.subprocess.Process, talking: asyncio.Task[str]) -> None:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            told = await process.stdout.readline()
    except TimeoutError:
        raise RequestError(f"a local cluster did not start within {START_S:g} s") from None
    if not told:
        raise RequestError(f"a local cluster did not start: {(await talking).strip()}")


async def _stop(process: asyncio.subprocess.Process, talking: asyncio.Task[str]) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    await talking
