-- Purpose: close runs.
-- Rows: one a run; a run that is not there is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: executions primary key; moves entries from executions_open to executions_closed.
-- Failure: none of its own.
UPDATE perdure.executions AS e
SET status = x.status,
    close_time_us = x.close_time_us,
    history_length = x.history_length,
    history_size_bytes = x.history_size_bytes
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[]
) AS x (shard_id, run_id, status, close_time_us, history_length, history_size_bytes)
WHERE e.shard_id = x.shard_id
    AND e.run_id = x.run_id::uuid
