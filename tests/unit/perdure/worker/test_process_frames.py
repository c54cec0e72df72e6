"""Frames on a stream of bytes."""

from __future__ import annotations

from collections import deque

import pytest

from perdure.worker.process_frames import Frame, FrameReader, Kind, frame

FRAMES = [Frame(Kind.TASK, 1, 0.0, b"one"), Frame(Kind.END, 2, 0.5, b""), Frame(Kind.RESULT, 2**40, 1.5, b"x" * 5_000)]


@pytest.mark.parametrize("size", [1, 7, 21, 100, 10_000])
def test_they_are_put_together_however_they_come(size: int) -> None:
    data = b"".join(frame(Kind(one.kind), one.number, one.body, one.seconds) for one in FRAMES)
    reader, into = FrameReader(), deque[Frame]()
    for at in range(0, len(data), size):
        reader.take(data[at : at + size], into)
    assert list(into) == FRAMES
