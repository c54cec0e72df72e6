"""What the processes of Temporal's turn are told, beside the names that Temporal's own tools know."""

ADDRESS = "TEMPORAL_ADDRESS"
NAMESPACE = "TEMPORAL_NAMESPACE"
TASK_QUEUE = "PERDURE_BENCH_TEMPORAL_QUEUE"
