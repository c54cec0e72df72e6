-- Purpose: executions of activities, as they stand now.
-- Rows: one an execution; the row that there is is replaced.
-- Locks: those rows; only the shard's owner writes them.
-- Index: activity_executions primary key, activity_executions_closed.
-- Failure: 21000 when a statement names an execution twice.
INSERT INTO perdure.activity_executions AS a (
    shard_id, run_id, number, namespace, activity_id, activity_type, task_queue, status, attempt, scheduled_us,
    close_time_us, expires_us, request_id, search_attributes, data
)
SELECT
    x.shard_id, x.run_id::uuid, x.number, x.namespace, x.activity_id, x.activity_type, x.task_queue, x.status,
    x.attempt, x.scheduled_us, x.close_time_us, x.expires_us, x.request_id, nullif(x.search_attributes, '')::jsonb,
    x.data
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int8[], %b::int8[],
    %b::int8[], %b::int8[], %b::int8[], %b::text[], %b::text[], %b::bytea[]
) AS x (
    shard_id, run_id, number, namespace, activity_id, activity_type, task_queue, status, attempt, scheduled_us,
    close_time_us, expires_us, request_id, search_attributes, data
)
ON CONFLICT (shard_id, run_id, number) DO UPDATE
SET status = excluded.status,
    attempt = excluded.attempt,
    close_time_us = excluded.close_time_us,
    expires_us = excluded.expires_us,
    search_attributes = excluded.search_attributes,
    data = excluded.data
