"""One field of a crontab: which numbers its text names, as Celery reads it.

    *  */15  5  1,15  mon-fri  mon-fri/2  22-2  50-10/5

Rules: a range may run over the end (`22-2`, `fri-mon`), and its steps are counted from where it begins; a step belongs
to `*` or to a range. A number below the field's first one, or above its last, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMES = {
    7: dict(zip(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), range(7), strict=True)),
    12: dict(
        zip(
            ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
            range(1, 13),
            strict=True,
        )
    ),
}
"""Names that a field of so many numbers knows, by their first three letters."""

_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


class ParseException(ValueError):
    """A text that is no field of a crontab."""


class crontab_parser:
    """Reads fields whose numbers are the `max_` numbers from `min_`.

    >>> sorted(crontab_parser(24).parse("*/6"))
    [0, 6, 12, 18]
    """

    def __init__(self, max_: int = 60, min_: int = 0) -> None:
        self.max_ = max_
        self.min_ = min_

    @property
    def last(self) -> int:
        """The highest number."""
        return self.min_ + self.max_ - 1

    def parse(self, spec: str) -> set[int]:
        """The numbers that a text names.

        Raises:
            ParseException: it names none, or one that there is not.
        """
        return {number for part in spec.split(",") for number in self._part(part.strip())}

    def members(self, given: int | str | Iterable[int]) -> set[int]:
        """The numbers that somebody gave: one, a text, or several of them.

        Raises:
            ParseException: a text or a number that cannot be.
            TypeError: it is something else.
        """
        if isinstance(given, str):
            return self.parse(given)
        if isinstance(given, int):
            return {self._checked(given)}
        if isinstance(given, Iterable):
            return {self._checked(number) for number in given}
        raise TypeError(f"a field of a crontab is a number, a text or several numbers; {given!r} is none of them")

    def _part(self, part: str) -> Iterable[int]:
        found = _PART.fullmatch(part)
        if found is None:
            raise ParseException(
                f"{part!r} is no part of a crontab: write a number, a name such as mon or jan, a range such as 1-5 or "
                "mon-fri, or *; behind a range or * there may be a step: */15"
            )
        first, last, step = found.group("first", "last", "step")
        if step is not None and (int(step) == 0 or (first is not None and last is None)):
            raise ParseException(
                f"{part!r}: a step is 1 or more, and stands behind a range or *, such as */15 or 5-59/10"
            )
        if first is None:
            numbers: Iterable[int] = range(self.min_, self.last + 1)
        elif last is None:
            numbers = [self._number(first)]
        else:
            numbers = self._range(self._number(first), self._number(last))
        return list(numbers)[:: int(step or 1)]

    def _range(self, first: int, last: int) -> Iterable[int]:
        if last >= first:
            return range(first, last + 1)
        return [*range(first, self.last + 1), *range(self.min_, last + 1)]

    def _number(self, text: str) -> int:
        if text.isascii() and text.isdigit():
            return self._checked(int(text))
        number = _NAMES.get(self.max_, {}).get(text[:3].lower())
        if number is None:
            raise ParseException(
                f"{text!r} is neither a number nor the name of a weekday or a month where one may stand"
            )
        return self._checked(number)

    def _checked(self, number: int) -> int:
        if not isinstance(number, int):
            raise TypeError(f"a list in a crontab holds numbers; {number!r} is none (a text may be 'mon,tue')")
        if not self.min_ <= number <= self.last:
            raise ParseException(f"{number} is not possible here; numbers are from {self.min_} to {self.last}")
        return number
