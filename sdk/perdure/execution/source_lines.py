"""Where in the user's code something happens, for errors that name the line."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import os
import re
import sys
import traceback
from collections.abc import Coroutine, Sequence
from types import FrameType
from typing import Any

import perdure

_NOT_USERS = tuple(os.path.dirname(module.__file__ or "") + os.sep for module in (perdure, asyncio))

LOOP_FUNCTION = "run_until_idle"
"""The frame below which there is nothing of the workflow."""


def calling_line() -> str:
    """The innermost line of the user's code that led here, or an empty text."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_NOT_USERS):
            return _line(frame)
        if code.co_name == LOOP_FUNCTION:
            return ""
        frame = frame.f_back
    return ""


def waiting_line(coroutine: Any) -> str:
    """The innermost line of the user's code at which a coroutine waits, or an empty text."""
    found = ""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_NOT_USERS):
            found = _line(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    return found


def waiting_stack(coroutine: Coroutine[Any, Any, Any]) -> list[str]:
    """Every line at which a coroutine waits, outermost first."""
    lines = []
    inner: Any = coroutine
    while inner is not None:
        frame = getattr(inner, "cr_frame", None)
        if frame is not None:
            lines.append(_line(frame))
        inner = getattr(inner, "cr_await", None)
    return lines


def raising_line(error: BaseException) -> str:
    """The innermost line of the user's code that an exception came from, or an empty text."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_NOT_USERS):
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_qualname}"
        trace = trace.tb_next
    return found


def defining_line(function: Any) -> str:
    """Where a function is defined: its `def`, not its decorators."""
    code = inspect.unwrap(function).__code__
    first = number = code.co_firstlineno
    while text := linecache.getline(code.co_filename, number).strip():
        if text.startswith(("def ", "async def ")):
            break
        number += 1
    else:
        number = first
    return f"{code.co_filename}:{number} in {code.co_qualname}"


def stack_below(function: str, stack: Sequence[traceback.FrameSummary]) -> str:
    """The user's lines of a stack, outermost first, that were reached through this function of ours; formatted."""
    names = [frame.name for frame in stack]
    below = len(names) - names[::-1].index(function) if function in names else 0
    frames = [frame for frame in stack[below:] if not frame.filename.startswith(_NOT_USERS)]
    return "".join(traceback.format_list(frames)).rstrip()


def source_text(place: str) -> str:
    """The text of a line that one of these functions named; empty if it is not to be had."""
    match = re.match(r"(.*):(\d+) in ", place)
    return "" if match is None else linecache.getline(match[1], int(match[2])).strip()


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
