"""The query language of `list_workflows`, as far as it reaches today: conditions joined by AND.

    WorkflowType = 'Agent' AND ExecutionStatus = 'Running' AND StartTime >= '2026-11-20T08:00:00Z'

Role: text to a `ListFilter`, or an error that shows where and says what is allowed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from perdure.client.status import WorkflowExecutionStatus

SUPPORTED = (
    "supported are WorkflowId, WorkflowType and ExecutionStatus with =, and StartTime with =, <, <=, >, >= or "
    "BETWEEN ... AND ..., joined by AND"
)

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<operator><=|>=|!=|<>|=|<|>)
      | (?P<sign>[(),`])
    )""",
    re.VERBOSE,
)

_STATUS_NAMES = {
    re.sub("_", "", status.name).lower(): status for status in WorkflowExecutionStatus
}  # 'Running', 'ContinuedAsNew', 'TIMED_OUT': case and underscores do not matter

_TIME_MAX_US = 253_402_300_799_999_999  # the end of the year 9999


class ListFilter(NamedTuple):
    """Empty or 0 means any. Times bound the start time, both ends inclusive."""

    status: int = 0
    workflow_type: str = ""
    workflow_id: str = ""
    started_from_us: int = 0
    started_to_us: int = 0


class ListFilterError(ValueError):
    """The query cannot be understood, or asks for what is not supported."""


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse_list_filter(query: str | None) -> ListFilter:
    """The filter that `query` describes; None and empty text describe everything.

    Raises:
        ListFilterError: with the place and what is allowed.
    """
    return _Parser(query or "").parse()


class _Parser:
    """Recursive descent without recursion: a list of conditions. Contradictions (two types) are refused, because the
    store's filter could not say "nothing"."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens = self._tokens()
        self.index = 0
        self.filter = ListFilter()

    def parse(self) -> ListFilter:
        if not self.tokens:
            return self.filter
        self._condition()
        while self.index < len(self.tokens):
            joint = self._next("AND")
            if joint.text.upper() == "ORDER":
                self._fail(joint, "ORDER BY is not supported: the newest start comes first")
            if joint.text.upper() != "AND":
                self._fail(joint, f"expected AND, found {joint.text}; {SUPPORTED}")
            self._condition()
        return self.filter

    def _tokens(self) -> list[_Token]:
        tokens, position = [], 0
        end = len(self.query.rstrip())
        while position < end:
            match = _TOKEN.match(self.query, position)
            if match is None:
                start = position + len(self.query[position:]) - len(self.query[position:].lstrip())
                found = self.query[start]
                hint = "the quote is not closed" if found in "'\"" else f"{found!r} has no place here"
                self._fail(_Token("sign", found, start), f"{hint}; {SUPPORTED}")
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        return tokens

    def _condition(self) -> None:
        name = self._next("a condition")
        if name.text == "(" or name.text.upper() == "NOT":
            self._fail(name, f"{name.text} is not supported; {SUPPORTED}")
        operator = self._next("an operator")
        key = name.text.lower()
        if key == "starttime":
            self._start_time(operator)
        elif key in ("workflowtype", "workflowid", "executionstatus"):
            if operator.text != "=":
                self._fail(operator, f"{name.text} {operator.text} is not supported; {SUPPORTED}")
            value = self._next("a value in quotes")
            if value.kind not in ("text", "number"):
                self._fail(value, f"expected a value in quotes after {name.text} =, found {value.text}")
            self._equal(name, value)
        else:
            self._fail(name, f"{name.text} cannot be filtered by; {SUPPORTED}")

    def _equal(self, name: _Token, value: _Token) -> None:
        text = _unquoted(value.text)
        match name.text.lower():
            case "executionstatus":
                held: object = self.filter.status
                wanted = self.filter._replace(status=self._status(value, text))
                given: object = wanted.status
            case "workflowtype":
                held, given = self.filter.workflow_type, text
                wanted = self.filter._replace(workflow_type=text)
            case _:
                held, given = self.filter.workflow_id, text
                wanted = self.filter._replace(workflow_id=text)
        if not given:
            self._fail(value, f"{name.text} is never empty; leave the condition out to mean any")
        if held and held != given:
            self._fail(name, f"{name.text} is given twice; nothing can match both")
        self.filter = wanted

    def _status(self, value: _Token, text: str) -> int:
        status = _STATUS_NAMES.get(text.replace("_", "").lower())
        if status is None:
            allowed = ", ".join(_spelled(known) for known in WorkflowExecutionStatus)
            self._fail(value, f"{text!r} is no status; the statuses are {allowed}")
        return int(status)

    def _start_time(self, operator: _Token) -> None:
        if operator.text.upper() == "BETWEEN":
            low = self._time()
            joint = self._next("AND")
            if joint.text.upper() != "AND":
                self._fail(joint, f"expected AND after BETWEEN and its first value, found {joint.text}")
            self._bound(low, self._time())
            return
        if operator.kind != "operator" or operator.text in ("!=", "<>"):
            self._fail(operator, f"StartTime {operator.text} is not supported; {SUPPORTED}")
        time_us = self._time()
        match operator.text:
            case "=":
                self._bound(time_us, time_us)
            case ">":
                self._bound(time_us + 1, _TIME_MAX_US)
            case ">=":
                self._bound(time_us, _TIME_MAX_US)
            case "<":
                self._bound(0, time_us - 1)
            case _:
                self._bound(0, time_us)

    def _bound(self, low_us: int, high_us: int) -> None:
        """Narrow the bounds; 0 stands for "unbounded" in the filter."""
        low = max(self.filter.started_from_us, low_us)
        high = min(self.filter.started_to_us or _TIME_MAX_US, high_us)
        self.filter = self.filter._replace(started_from_us=low, started_to_us=0 if high >= _TIME_MAX_US else high)

    def _time(self) -> int:
        value = self._next("a time in quotes")
        if value.kind != "text":
            self._fail(value, f"expected a time in quotes, such as '2026-11-20T08:00:00Z', found {value.text}")
        text = _unquoted(value.text)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            self._fail(value, f"{text!r} is no ISO 8601 time, such as '2026-11-20T08:00:00Z'")
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)

    def _next(self, expected: str) -> _Token:
        if self.index >= len(self.tokens):
            self._fail(_Token("sign", "", len(self.query)), f"expected {expected}, but the query ends; {SUPPORTED}")
        token = self.tokens[self.index]
        self.index += 1
        return token

    def _fail(self, token: _Token, problem: str) -> NoReturn:
        pointer = " " * token.position + "^"
        raise ListFilterError(f"{problem}\n  {self.query}\n  {pointer}")


def _unquoted(text: str) -> str:
    """The value of a quoted text; quotes inside are doubled or follow a backslash."""
    if text[:1] not in ("'", '"'):
        return text
    quote = text[0]
    return re.sub(r"\\(.)", r"\1", text[1:-1].replace(quote * 2, quote))


def _spelled(status: WorkflowExecutionStatus) -> str:
    """TIMED_OUT as Temporal's queries spell it: TimedOut."""
    return "".join(word.capitalize() for word in status.name.split("_"))
