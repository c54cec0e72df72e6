"""`get_task_logger`: a logger whose records say which task wrote them."""

from __future__ import annotations

import logging

from perdure.compat.celery.context import running


class _TaskFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        stack = running.get()
        task, request = stack[-1] if stack else (None, None)
        record.task_name = task.name if task is not None else "???"
        record.task_id = request.id if request is not None else "???"
        return True


def get_logger(name: str) -> logging.Logger:
    """The logger of this name."""
    return logging.getLogger(name)


def get_task_logger(name: str) -> logging.Logger:
    """The logger of this name; inside of a task its records have `task_name` and `task_id`."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, _TaskFilter) for known in logger.filters):
        logger.addFilter(_TaskFilter())
    return logger
