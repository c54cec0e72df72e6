"""Tests of `perdure.contrib`."""
