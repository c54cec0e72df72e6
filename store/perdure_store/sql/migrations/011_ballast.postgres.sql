-- Rows that nobody asks for, so that the planner never takes a hot table for an empty one.
-- A table of tasks is empty most of the time. When that is what VACUUM or ANALYZE finds, Postgres believes it from then on:
-- it expects one row, and joins a batch to the table by reading the whole of it for each row of the batch. A thousand
-- rows make a probe of the primary key the cheapest way whatever else is there; tests/integration/store/test_plans.py
-- plans every statement in that state. All of them belong to shard -1, which there is not.

-- step: ballast_executions
INSERT INTO perdure.executions (
    shard_id, run_id, namespace, workflow_id, workflow_type, task_queue, status, start_time_us, close_time_us,
    history_length, history_size_bytes
)
SELECT -1, md5(n::text)::uuid, '', n::text, '', '', 2, 0, 0, 0, 0
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id) DO NOTHING;

-- step: ballast_history_events
INSERT INTO perdure.history_events (shard_id, run_id, batch_no, first_event_id, data)
SELECT -1, md5(n::text)::uuid, 1, 1, ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, batch_no) DO NOTHING;

-- step: ballast_snapshots
INSERT INTO perdure.snapshots (shard_id, run_id, chunk_no, batch_no, data)
SELECT -1, md5(n::text)::uuid, 0, 1, ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, chunk_no) DO NOTHING;

-- step: ballast_transfer_tasks
INSERT INTO perdure.transfer_tasks (
    shard_id, run_id, kind, event_id, attempt, task_id, namespace, task_queue, priority, backlog, created_us, data,
    heartbeat
)
SELECT -1, md5(n::text)::uuid, n % 3, n, 1, n, '', '', 0, FALSE, 0, '', ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, kind, event_id) DO NOTHING;

-- step: ballast_timer_tasks
INSERT INTO perdure.timer_tasks (shard_id, fire_at_us, run_id, kind, event_id, attempt)
SELECT -1, n, md5(n::text)::uuid, n % 3, n, 0
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, fire_at_us, run_id, kind, event_id) DO NOTHING;

-- step: ballast_request_results
INSERT INTO perdure.request_results (shard_id, run_id, request_id, created_us, data)
SELECT -1, md5(n::text)::uuid, n::text, n, ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, request_id) DO NOTHING;

-- step: ballast_payloads
INSERT INTO perdure.payloads (shard_id, run_id, hash, data)
SELECT -1, md5(n::text)::uuid, '', ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, hash) DO NOTHING;

-- step: ballast_activity_executions
INSERT INTO perdure.activity_executions (
    shard_id, run_id, number, namespace, activity_id, activity_type, task_queue, status, attempt, scheduled_us,
    close_time_us, expires_us, request_id, data
)
SELECT -1, md5(n::text)::uuid, 1, '', n::text, '', '', 2, 1, 0, 0, 0, '', ''
FROM generate_series(1, 1000) AS x (n)
ON CONFLICT (shard_id, run_id, number) DO NOTHING;
