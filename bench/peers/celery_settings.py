"""How Celery's contenders tell its application which of the two it is."""

LATE = "PERDURE_BENCH_CELERY_LATE"
"""In the environment of those whose tasks are acknowledged when they are done."""
