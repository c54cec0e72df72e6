"""Activities without a workflow: the rules of one execution.

They are those of a workflow's activities (`core.attempt`, `core.deadline`) without a history: an execution that a
worker takes, runs and completes is a task's row and then a closed one, and nothing in between.
"""
