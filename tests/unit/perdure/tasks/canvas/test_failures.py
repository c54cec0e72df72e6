"""What errors of a canvas say, and what becomes of them on their way."""

from __future__ import annotations

import pytest

from perdure.exceptions import ApplicationError
from perdure.tasks.canvas import CanvasError, ChainError, ChordError, FailedMember, GroupError, MapError
from perdure.tasks.canvas.failures import named, restored


def members(count: int) -> list[FailedMember]:
    return [FailedMember.of(at, "add", ValueError("x" * 500)) for at in range(count)]


@pytest.mark.parametrize("kind", [ChainError, MapError, GroupError, ChordError])
def test_an_error_that_travelled_is_what_it_was(kind: type[CanvasError]) -> None:
    sent = kind("2 failed", members(2))
    found = restored(ApplicationError("2 failed", *sent.details, type=sent.type))
    assert isinstance(found, kind)
    assert (found.failed, found.failed_count, found.non_retryable) == (sent.failed, 2, True)


def test_other_errors_stay_as_they_are() -> None:
    for error in (ApplicationError("no", type="Other"), ValueError("no")):
        assert restored(error) is error


def test_thousands_that_failed_fit_into_one_error() -> None:
    many = members(5_000)
    error = GroupError(named(many), many)
    assert (len(error.failed), error.failed_count) == (100, 5_000)
    assert len(error.message) < 2_000
    assert error.message.endswith("; and 4990 more")


def test_it_says_the_type_that_the_task_gave() -> None:
    failed = FailedMember.of(1, "charge", ApplicationError("no funds", type="Declined"))
    assert str(failed) == "2 (charge): Declined: no funds"
