"""Faults: drawn from the seed ahead of time as a plan, carried out one by one, each of them removable."""
