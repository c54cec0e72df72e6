"""Celery's interface, on Perdure: a program moves by a change of its import lines."""
