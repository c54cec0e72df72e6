"""A module holds one idea, so it is short: the median at most 200 lines, none over 500."""

from __future__ import annotations

import statistics

from tests.tidy.source_tree import product_modules

LINES_MEDIAN_MAX = 200
LINES_MAX = 500


def test_no_module_holds_more_than_one_idea() -> None:
    long = {m.shown: len(m.text.splitlines()) for m in product_modules() if len(m.text.splitlines()) > LINES_MAX}
    assert not long, f"over {LINES_MAX} lines; find the second idea in each and give it its own file: {long}"


def test_median_module_is_short() -> None:
    lengths = [len(m.text.splitlines()) for m in product_modules() if m.path.name != "__init__.py"]
    assert statistics.median(lengths) <= LINES_MEDIAN_MAX
