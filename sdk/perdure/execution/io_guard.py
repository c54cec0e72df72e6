"""Refuses what workflow code must not do: reach the world outside, which no replay can repeat.

Role: an audit hook of the interpreter sees files, sockets and processes being opened. It speaks up only while a
workflow runs on the thread, and lets pass what Python does by itself: importing, logging, formatting tracebacks.

Rules: installed once a process and never removed (Python has no way to). Outside of workflows it costs a look into a
dictionary an event.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import functools
import os
import sys
import threading
from types import FrameType
from typing import Any

import pydantic

from perdure.execution.event_loop import WorkflowEventLoop
from perdure.workflow.errors import WorkflowIOError
from perdure.workflow.unsafe_code import is_io_permitted

_FILE = "opens a file"
_NET = "uses the network"
_PROCESS = "starts a process"
_FILES = "changes or lists files"
_THREAD = "starts a thread"

_FORBIDDEN = {
    "open": _FILE,
    "socket.connect": _NET,
    "socket.bind": _NET,
    "socket.sendto": _NET,
    "socket.sendmsg": _NET,
    "socket.gethostbyaddr": _NET,
    "socket.getnameinfo": _NET,
    "socket.getaddrinfo": _NET,
    "socket.gethostbyname": _NET,
    "subprocess.Popen": _PROCESS,
    "os.system": _PROCESS,
    "os.posix_spawn": _PROCESS,
    "os.fork": _PROCESS,
    "os.forkpty": _PROCESS,
    "os.exec": _PROCESS,
    "os.spawn": _PROCESS,
    "pty.spawn": _PROCESS,
    "os.kill": "ends a process",
    "os.remove": _FILES,
    "os.link": _FILES,
    "os.symlink": _FILES,
    "os.truncate": _FILES,
    "os.chmod": _FILES,
    "os.chown": _FILES,
    "os.utime": _FILES,
    "os.chdir": _FILES,
    "os.rename": _FILES,
    "os.mkdir": _FILES,
    "os.rmdir": _FILES,
    "os.listdir": _FILES,
    "os.scandir": _FILES,
    "shutil.copyfile": _FILES,
    "shutil.move": _FILES,
    "shutil.rmtree": _FILES,
    "tempfile.mkstemp": _FILES,
    "tempfile.mkdtemp": _FILES,
    "sqlite3.connect": _FILE,
    "time.sleep": "stops the worker's thread",
    "builtins.input": "waits for the keyboard",
    "_thread.start_new_thread": _THREAD,
    "_thread.start_joinable_thread": _THREAD,
}

_PYTHON_ITSELF = frozenset(
    {
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "zipimport",
        "linecache",
        "logging",
        "logging.handlers",
        "traceback",
        "warnings",
        "bdb",
        "cmd",
        "pdb",
        "rlcompleter",
        "zoneinfo",
        "zoneinfo._common",
        "zoneinfo._tzpath",
    }
)
"""Modules that may open files on behalf of a workflow."""

_TIME_ZONES = f"{os.sep}zoneinfo{os.sep}"
"""In the path of every time zone, whether the system's or those of `tzdata`: `ZoneInfo` opens them from C, where no
module is to be seen. A zone's rules are as fixed as code is."""

_OURS = frozenset({"perdure.execution.event_loop", "perdure.execution.instance", "perdure.execution.handler_registry"})
"""Modules that call the workflow's code: what is below their frames is not its doing."""

_is_installed = False


def install() -> None:
    """Begin to watch. Repeating it does nothing."""
    global _is_installed
    if not _is_installed:
        _is_installed = True
        pydantic.TypeAdapter(object)  # at its first use it looks for plugins in files: not inside of a workflow
        sys.addaudithook(_audit)
        _watch_threads()


def _watch_threads() -> None:
    """Older Pythons have no event for threads."""
    start = threading.Thread.start

    @functools.wraps(start)
    def watched(self: threading.Thread) -> None:
        if type(asyncio.events._get_running_loop()) is WorkflowEventLoop:
            _refuse("threading.Thread.start", _THREAD)
        start(self)

    threading.Thread.start = watched  # type: ignore[method-assign]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    what = _FORBIDDEN.get(event)
    if what is None or type(asyncio.events._get_running_loop()) is not WorkflowEventLoop:
        return
    path = arguments[0] if event == "open" and arguments and isinstance(arguments[0], str) else ""
    if _TIME_ZONES in path:
        return
    _refuse(f"{event} ({path!r})" if path else event, what)


def _refuse(call: str, what: str) -> None:
    if is_io_permitted() or is_python_itself():
        return
    raise WorkflowIOError(
        f"workflow code {what}: {call}. A replay could not repeat that: do it in an activity, or, if it gives "
        "the same on every replay, inside of `with workflow.unsafe.sandbox_unrestricted():`"
    )


def is_python_itself() -> bool:
    """Whether a module of Python's own machinery is at work, above the workflow's code."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module in _PYTHON_ITSELF:
            return True
        if module in _OURS:
            return False
        frame = frame.f_back
    return False
