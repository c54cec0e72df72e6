"""Faults against real servers: two engines, several workers and clients under load, everything killed at random.

`python -m tests.chaos` (or `make chaos`) runs a campaign. Read `campaign` first. `schedule` says what goes wrong and
when, `faults` does it, `workload` and `driver` are what goes on meanwhile, `audit` and `floor` say whether all is well.
"""
