"""The parser of queries: recursive descent, from tokens to the tree of `perdure_store.list_query`.

    query      := [condition] [ORDER BY field [ASC | DESC], ... | GROUP BY field, ...]
    condition  := conjunction {OR conjunction}
    conjunction := part {AND part}
    part       := NOT part | ( condition ) | comparison
    comparison := field = != < <= > >= value | field [NOT] IN ( value, ... ) | field [NOT] BETWEEN value AND value
                | field [NOT] STARTS_WITH value | field IS [NOT] NULL

Rules: NOT is carried down to the comparisons, which turn into their opposites. A comparison with what a run does not
have is false, and so is its opposite, as in SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from perdure_engine.listing.fields import Fields
from perdure_engine.listing.literals import values_of
from perdure_engine.listing.tokens import Token, fail, tokens_of
from perdure_store.list_query import (
    All,
    AnyOf,
    Comparison,
    Condition,
    Field,
    FieldType,
    ListQuery,
    Operator,
    Order,
)

DEPTH_MAX = 50
"""Parentheses and NOTs inside of one another."""

VALUES_MAX = 1_000
"""Values of one query."""

ORDER_MAX = 8
"""Fields to order or to group by."""

_COMPARED = {
    "=": Operator.IN,
    "!=": Operator.NOT_IN,
    "<>": Operator.NOT_IN,
    "<": Operator.LESS,
    "<=": Operator.LESS_OR_EQUAL,
    ">": Operator.GREATER,
    ">=": Operator.GREATER_OR_EQUAL,
}
_OPPOSITE = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.LESS: Operator.GREATER_OR_EQUAL,
    Operator.LESS_OR_EQUAL: Operator.GREATER,
    Operator.GREATER: Operator.LESS_OR_EQUAL,
    Operator.GREATER_OR_EQUAL: Operator.LESS,
    Operator.STARTS_WITH: Operator.NOT_STARTS_WITH,
    Operator.IS_MISSING: Operator.IS_PRESENT,
    Operator.IS_PRESENT: Operator.IS_MISSING,
}
_LISTS = (FieldType.TEXT, FieldType.KEYWORD_LIST)
_OPERATORS = "=, !=, <, <=, >, >=, IN, NOT IN, BETWEEN, STARTS_WITH, IS NULL or IS NOT NULL"


def parse_list(query: str, namespace: str, fields: Fields, now_us: int) -> ListQuery:
    """A query for a list.

    Raises:
        ListQueryError: it cannot be understood.
    """
    return _Parser(query, fields, now_us).parse(namespace, "ORDER")


def parse_count(query: str, namespace: str, fields: Fields, now_us: int) -> ListQuery:
    """A query for a count: it may be grouped, and has no order.

    Raises:
        ListQueryError: it cannot be understood.
    """
    return _Parser(query, fields, now_us).parse(namespace, "GROUP")


class _Parser:
    def __init__(self, query: str, fields: Fields, now_us: int) -> None:
        self._query = query
        self._fields = fields
        self._now_us = now_us
        self._tokens = tokens_of(query)
        self._index = 0
        self._depth = 0
        self._values = 0

    def parse(self, namespace: str, clause: str) -> ListQuery:
        where: Condition = All()
        if self._token.kind != "end" and not self._at_clause():
            where = self._condition(negated=False)
        order: tuple[Order, ...] = ()
        groups: tuple[Field, ...] = ()
        if self._at_clause():
            token = self._take()
            if token.keyword != clause:
                self._fail(token, "a list is put in order by ORDER BY; a count is grouped by GROUP BY")
            self._expect("BY")
            if clause == "ORDER":
                order = tuple(self._orders())
            else:
                groups = tuple(self._ordering_field("grouped") for _ in self._separated())
        if self._token.kind != "end":
            self._fail(self._token, f"expected AND, OR or {clause} BY, found {self._token.text}")
        return ListQuery(namespace, where, order, groups)

    # Conditions ------------------------------------------------------------------------------------------------------

    def _condition(self, *, negated: bool) -> Condition:
        parts = [self._conjunction(negated=negated)]
        while self._token.keyword == "OR":
            self._take()
            parts.append(self._conjunction(negated=negated))
        return _joined(parts, All if negated else AnyOf)

    def _conjunction(self, *, negated: bool) -> Condition:
        parts = [self._part(negated=negated)]
        while self._token.keyword == "AND":
            self._take()
            parts.append(self._part(negated=negated))
        return _joined(parts, AnyOf if negated else All)

    def _part(self, *, negated: bool) -> Condition:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._fail(self._token, f"more than {DEPTH_MAX} conditions stand inside of one another")
        if self._token.keyword == "NOT":
            self._take()
            condition = self._part(negated=not negated)
        elif self._token.text == "(":
            self._take()
            condition = self._condition(negated=negated)
            self._expect(")")
        else:
            condition = self._comparison(negated=negated)
        self._depth -= 1
        return condition

    def _comparison(self, *, negated: bool) -> Condition:
        field = self._field()
        token = self._take()
        if token.keyword == "NOT":
            negated = not negated
            token = self._take()
            if token.keyword not in ("IN", "BETWEEN", "STARTS_WITH"):
                self._fail(token, f"expected IN, BETWEEN or STARTS_WITH after NOT, found {token.text or 'the end'}")
        if token.keyword == "IS":
            is_missing = self._token.keyword != "NOT"
            if not is_missing:
                self._take()
            self._expect("NULL")
            return self._compared(Operator.IS_MISSING if is_missing else Operator.IS_PRESENT, field, (), negated)
        if token.keyword == "IN":
            self._expect("(")
            values = tuple(value for _ in self._separated() for value in self._value(field))
            self._expect(")")
            return self._compared(Operator.IN, field, values, negated)
        if token.keyword == "BETWEEN":
            return self._between(field, token, negated)
        if token.keyword == "STARTS_WITH":
            if field.type != FieldType.KEYWORD:
                self._fail(token, f"STARTS_WITH is for keywords; {field.name} is {_said(field)}")
            return self._compared(Operator.STARTS_WITH, field, self._value(field), negated)
        if token.kind != "operator":
            self._fail(token, f"expected {_OPERATORS} after {field.name}, found {token.text or 'the end'}")
        operator = _COMPARED[token.text]
        if operator not in (Operator.IN, Operator.NOT_IN):
            self._check_order(field, token)
        return self._compared(operator, field, self._value(field), negated)

    def _between(self, field: Field, token: Token, negated: bool) -> Condition:
        self._check_order(field, token)
        low = self._value(field)
        self._expect("AND")
        high = self._value(field)
        ends: list[Condition] = [
            self._compared(Operator.GREATER_OR_EQUAL, field, low, negated),
            self._compared(Operator.LESS_OR_EQUAL, field, high, negated),
        ]
        return _joined(ends, AnyOf if negated else All)

    def _compared(self, operator: Operator, field: Field, values: tuple[Any, ...], negated: bool) -> Comparison:
        if negated:
            operator = _OPPOSITE[operator]
        if operator is Operator.NOT_IN and not values:  # a text without words: nothing has any of them
            return Comparison(field, Operator.IS_PRESENT)
        return Comparison(field, operator, values)

    def _check_order(self, field: Field, token: Token) -> None:
        if field.type in (*_LISTS, FieldType.BOOL) or field.name == "ExecutionStatus":
            self._fail(token, f"{field.name} is {_said(field)}, which has no order; use =, !=, IN or NOT IN")

    def _value(self, field: Field) -> tuple[Any, ...]:
        token = self._take()
        self._values += 1
        if self._values > VALUES_MAX:
            self._fail(token, f"more than {VALUES_MAX:,} values are too many")
        if token.kind not in ("text", "number", "word"):
            self._fail(token, f"expected a value after {field.name}, found {token.text or 'the end'}")
        try:
            return values_of(field, token, self._now_us)
        except ValueError as error:
            self._fail(token, str(error))

    # Order and groups ------------------------------------------------------------------------------------------------

    def _orders(self) -> list[Order]:
        orders = []
        for _ in self._separated():
            field = self._ordering_field("ordered")
            descending = self._token.keyword == "DESC"
            if self._token.keyword in ("ASC", "DESC"):
                self._take()
            orders.append(Order(field, descending))
        return orders

    def _ordering_field(self, done: str) -> Field:
        token = self._token
        field = self._field()
        if field.type in _LISTS:
            self._fail(token, f"{field.name} is {_said(field)}, and cannot be {done} by")
        return field

    # Tokens ----------------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._index += 1
        return token

    def _at_clause(self) -> bool:
        return self._token.keyword in ("ORDER", "GROUP") and self._tokens[self._index + 1].keyword == "BY"

    def _expect(self, word: str) -> None:
        token = self._take()
        if (token.keyword or token.text) != word:
            self._fail(token, f"expected {word}, found {token.text or 'the end'}")

    def _separated(self) -> Iterator[None]:
        """Once for each element of a list: the caller takes one, a comma leads on."""
        for _ in range(VALUES_MAX + 1):
            yield
            if self._token.text != ",":
                return
            self._take()

    def _field(self) -> Field:
        token = self._take()
        if token.kind not in ("word", "name"):
            self._fail(token, f"expected the name of a field, found {token.text or 'the end'}")
        try:
            return self._fields.find(token.value)
        except ValueError as error:
            self._fail(token, str(error))

    def _fail(self, token: Token, problem: str) -> NoReturn:
        fail(self._query, token.position, problem)


def _joined(parts: list[Condition], kind: type[All] | type[AnyOf]) -> Condition:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _said(field: Field) -> str:
    if field.name == "ExecutionStatus" and not field.key:
        return "a status"
    return {FieldType.TEXT: "a text", FieldType.KEYWORD_LIST: "a list of keywords"}.get(
        field.type, field.type.name.lower()
    )
