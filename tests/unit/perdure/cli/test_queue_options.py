"""Rates, numbers of tasks and times, as people write them."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from perdure.cli.queue_options import Count, Duration, Rate, quoted


def test_what_is_understood() -> None:
    assert [Rate().convert(text, None, None) for text in ("100", "5/s", "30/m", "36/h", "none")] == [
        100, 5, 0.5, 0.01, 0
    ]  # fmt: skip
    assert [Count().convert(text, None, None) for text in ("7", "none")] == [7, 0]
    spans = [Duration().convert(text, None, None) for text in ("30", "1.5s", "2m", "1h", "1d")]
    assert spans == [timedelta(seconds=s) for s in (30, 1.5, 120, 3600, 86_400)]


def test_what_is_not() -> None:
    for kind, text in ((Rate(), "5/w"), (Rate(), "-1"), (Count(), "0"), (Count(), "1.5"), (Duration(), "0s")):
        with pytest.raises(click.BadParameter, match="give"):
            kind.convert(text, None, None)


def test_a_text_is_quoted_as_queries_have_it() -> None:
    assert quoted("it's a \\") == "'it''s a \\\\'"
