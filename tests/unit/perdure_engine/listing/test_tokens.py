"""Tokens of a query."""

from __future__ import annotations

import pytest

from perdure_engine.listing.tokens import QUERY_LENGTH_MAX, ListQueryError, fail, tokens_of


def test_tokens() -> None:
    query = "WorkflowId = 'a''b' AND `Odd Name`>=-1.5e3 OR (x IN (\"c\\\"d\"))"
    tokens = tokens_of(query)
    assert [token.kind for token in tokens] == [
        "word", "operator", "text", "word", "name", "operator", "number", "word", "sign", "word", "word", "sign",
        "text", "sign", "sign", "end",
    ]  # fmt: skip
    assert [tokens[2].value, tokens[4].value, tokens[12].value] == ["a'b", "Odd Name", 'c"d']
    assert [query[token.position] for token in tokens[:-1]] == [token.text[0] for token in tokens[:-1]]


@pytest.mark.parametrize(
    ("text", "value"), [(r"'a\'b'", "a'b"), (r"'a\\b'", "a\\b"), ("'a\"b'", 'a"b'), ("''", ""), ("'\\\\'''", "\\'")]
)
def test_quotes(text: str, value: str) -> None:
    assert tokens_of(text)[0].value == value


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("a = 'open", "the quote is not closed\n  a = 'open\n      ^"),
        ("a ? b", "'?' has no place here\n  a ? b\n    ^"),
        ("a = `", "the quote is not closed"),
        ("x" * (QUERY_LENGTH_MAX + 1), "the query has 10,001 characters; the limit is 10,000"),
    ],
)
def test_what_is_no_token(query: str, problem: str) -> None:
    with pytest.raises(ListQueryError) as caught:
        tokens_of(query)
    assert str(caught.value).startswith(problem)


def test_of_a_long_query_only_the_place_is_shown() -> None:
    query = f"{'a ' * 100}here{' b' * 100}"
    with pytest.raises(ListQueryError) as caught:
        fail(query, 200, "no")
    _, line, pointer = str(caught.value).split("\n")
    assert len(line) < 140
    assert line[pointer.index("^") :].startswith("here")
