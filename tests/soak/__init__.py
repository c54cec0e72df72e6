"""A soak: constant load for a long time, to see that nothing grows but what must.

`python -m tests.soak` (or `make soak`) runs it on servers of its own. Read `soak` first; `load` is what goes on,
`gauges` what is measured, `trend` says whether a row of numbers is flat.
"""
