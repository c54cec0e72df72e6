"""An exception raised in another thread is seen there once, or taken back without a trace."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from perdure.worker.foreign_exceptions import raise_in, take_back


class Interrupted(BaseException):
    pass


def test_it_is_raised_in_that_thread() -> None:
    started = threading.Event()
    seen: list[str] = []

    def spin() -> None:
        try:
            started.set()
            while True:
                pass
        except Interrupted:
            seen.append(threading.current_thread().name)

    thread = threading.Thread(target=spin, name="other")
    thread.start()
    started.wait()
    assert thread.ident
    raise_in(thread.ident, Interrupted)
    thread.join(10)
    assert seen == ["other"]


def test_what_is_taken_back_is_not_seen() -> None:
    take_back()
    seen = [number for number in range(2_000) if number % 7]  # between its bytecodes it would come
    assert seen
    with pytest.raises(Interrupted):
        _interrupt_oneself()


def _interrupt_oneself() -> None:
    raise_in(threading.get_ident(), Interrupted)
    while True:
        pass


_TRACED = """
import sys
from perdure.worker.foreign_exceptions import take_back

def called():
    return "called"

take_back()
sys.settrace(lambda *_: None)
print(called())
"""


def test_a_debugger_works_afterwards() -> None:
    """In a process of its own: a function that never begins cannot be interrupted."""
    done = subprocess.run([sys.executable, "-c", _TRACED], capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("called\n", "")
