"""Unit tests of the loader of SQL."""
