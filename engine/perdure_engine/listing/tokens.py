"""From text to tokens, and the error that shows where."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

QUERY_LENGTH_MAX = 10_000
"""Characters of one query."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      | (?P<name>`[^`]+`)
      | (?P<word>[A-Za-z_][A-Za-z0-9_.-]*)
      | (?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)
      | (?P<operator><=|>=|!=|<>|=|<|>)
      | (?P<sign>[(),])
    )""",
    re.VERBOSE | re.DOTALL,
)


class ListQueryError(ValueError):
    """A query cannot be understood; the text shows where and says what is allowed."""


class Token(NamedTuple):
    """`kind`: text (in quotes), name (in backquotes), word, number, operator, sign; end behind the last one."""

    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        """The word in capitals; empty if it is none."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def value(self) -> str:
        """What a text or a name says; quotes inside of a text are doubled, or follow a backslash."""
        if self.kind == "name":
            return self.text[1:-1]
        if self.kind != "text":
            return self.text
        quote = self.text[0]
        inner = self.text[1:-1]
        return (
            re.sub(r"\\(.)|(['\"])\2", lambda match: match[1] or match[2], inner, flags=re.DOTALL)
            if ("\\" in inner or quote in inner)
            else inner
        )


def tokens_of(query: str) -> list[Token]:
    """The tokens of a query, with one that marks its end.

    Raises:
        ListQueryError: something is no token, or the query is too long.
    """
    if len(query) > QUERY_LENGTH_MAX:
        raise ListQueryError(f"the query has {len(query):,} characters; the limit is {QUERY_LENGTH_MAX:,}")
    tokens, position = [], 0
    end = len(query.rstrip())
    while position < end:
        match = _TOKEN.match(query, position)
        if match is None:
            start = len(query) - len(query[position:].lstrip())
            found = query[start]
            problem = "the quote is not closed" if found in "'\"`" else f"{found!r} has no place here"
            fail(query, start, problem)
        kind = str(match.lastgroup)
        tokens.append(Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, Token("end", "", end)]


def fail(query: str, position: int, problem: str) -> NoReturn:
    """Raise the error that points at a place; of a long query only what is around it is shown."""
    start = max(0, position - 60)
    line = re.sub(r"\s", " ", query[start : position + 60])
    shown = ("..." if start else "") + line + ("..." if position + 60 < len(query) else "")
    pointer = " " * (position - start + (3 if start else 0)) + "^"
    raise ListQueryError(f"{problem}\n  {shown}\n  {pointer}")
