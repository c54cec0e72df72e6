-- Closed runs go when their namespace's retention is over: what the janitor of each shard reads.

-- step: executions_expiring
-- Closed runs of a shard and namespace, the longest closed first. Partial: an open run pays nothing for it.
CREATE INDEX IF NOT EXISTS executions_expiring
ON perdure.executions (shard_id, namespace, close_time_us, run_id)
WHERE status <> 1;
