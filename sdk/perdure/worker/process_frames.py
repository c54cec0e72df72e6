"""What passes between a worker and one of its processes: frames on a stream of bytes, many of them in one write.

A frame is a header and a body: its kind, the number of the call that it is about, and seconds that were spent on it.
"""

from __future__ import annotations

import struct
from collections import deque
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """Of a frame.

    To the process: TASK (an activity task for a function that it was told, see FUNCTION), CALL (a pickled call),
    FUNCTION (the definition of an activity type; the number names it for the tasks that follow) and END: there is no
    more. To the worker: RESULT (an encoded result), OUTCOME (a pickled one, or what was raised), BEAT, RETURNED (a call
    that was not begun), FULL (the process has grown beyond its bound, to so many bytes) and UNFIT (why it cannot run
    anything).
    """

    TASK = 1
    CALL = 2
    FUNCTION = 3
    END = 4
    RESULT = 5
    OUTCOME = 6
    BEAT = 7
    RETURNED = 8
    FULL = 9
    UNFIT = 10


class Frame(NamedTuple):
    kind: int
    number: int
    seconds: float
    body: bytes


_HEADER = struct.Struct("<IBQd")


def frame(kind: Kind, number: int, body: bytes = b"", seconds: float = 0.0) -> bytes:
    """The bytes of one frame."""
    return _HEADER.pack(len(body), kind, number, seconds) + body


class FrameReader:
    """Puts frames together from bytes as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes, into: deque[Frame]) -> None:
        """Append the frames that these bytes complete."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= _HEADER.size:
            size, kind, number, seconds = _HEADER.unpack_from(data, at)
            begin = at + _HEADER.size
            if end - begin < size:
                break
            at = begin + size
            into.append(Frame(kind, number, seconds, data[begin:at]))
        self._rest = data[at:] if at < end else b""
