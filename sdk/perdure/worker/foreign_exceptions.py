"""Exceptions that one thread raises in another, between two of its bytecodes.

Role: the one place that asks Python for this. Code that waits in C sees such an exception when it comes back.

Rule: what is raised in a thread is seen by it, or taken back by it, before it does anything else. Who does both holds
one lock around each, so that nothing is raised after it was taken back.
"""

from __future__ import annotations

import ctypes
import threading


class _TakenBack(BaseException):
    """Stands in for an exception that nobody is to see any more."""


def raise_in(thread_id: int, kind: type[BaseException]) -> None:
    """Have an exception raised in a thread. One that it has not seen yet is replaced."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(kind))


def take_back() -> None:
    """What was raised in this thread, and was not seen yet, will not be.

    Python can also be told to forget it, but goes on looking for it then, before every call and every round of a loop
    of every thread; and Python 3.11 never comes back from the first function that is called under a debugger.

    Raises:
        BaseException: it was seen after all, on the way here. There is nothing left to be taken back.
    """
    try:
        raise_in(threading.get_ident(), _TakenBack)
        while True:
            pass
    except _TakenBack:
        return
