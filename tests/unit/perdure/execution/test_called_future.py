"""What is called by a workflow: how it ends for who cancels it, and for who is cancelled with it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.exceptions import CancelledError
from perdure.execution.called_future import CalledFuture


class _Refused(Exception):
    pass


class _Call(CalledFuture[Any]):
    def __init__(self, *, awaited_at_once: bool = False, is_waited_for: bool = False) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop=loop)
        self._order = 7
        owned = SimpleNamespace(is_closed=lambda: False, check_may_act=lambda: None)
        self._owner = SimpleNamespace(loop=owned, is_delivering_cancellation=False, converter=DataConverter.default)
        self._result_type = int
        self._awaited_at_once = awaited_at_once
        self._is_cancel_requested = False
        self._is_waited_for = is_waited_for

    def _named(self) -> str:
        return "the call"

    def _asked_to_stop(self, msg: Any | None) -> bool:
        return self._is_waited_for

    def _cancelled_error(self, cause: CancelledError, outcome: Any) -> BaseException:
        return _Refused(str(cause))


async def test_a_handle_that_is_cancelled_ends_with_its_own_error() -> None:
    call = _Call()
    assert call.cancel()
    assert not call.cancelled()
    with pytest.raises(_Refused):
        await call
    assert not call.cancel(), "it is over"


async def test_who_awaits_at_once_is_cancelled_as_asyncio_does_it() -> None:
    call = _Call(awaited_at_once=True)
    call.cancel()
    assert call.cancelled()


async def test_with_the_workflow_it_ends_with_its_own_error_all_the_same() -> None:
    call = _Call(awaited_at_once=True)
    call._owner.is_delivering_cancellation = True
    call.cancel()
    with pytest.raises(_Refused):
        await call


async def test_what_is_waited_for_goes_on() -> None:
    call = _Call(is_waited_for=True)
    assert call.cancel()
    assert not call.done()


async def test_a_result_of_another_type_says_whose_it_is() -> None:
    call = _Call()
    call._take_result(DataConverter.default.value_to_bytes("seven"))
    error = call.exception()
    assert error is not None
    assert error.__notes__ == ["The result of the call is meant."]
    assert hash(call) == 7
