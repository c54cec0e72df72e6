"""Where Celery's programs import `get_task_logger` from."""
