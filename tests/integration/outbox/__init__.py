"""Starts that belong to transactions of an application's own database, on real servers."""
