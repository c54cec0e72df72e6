-- Closed runs go when their namespace's retention is over: what the janitor of each shard reads.

-- step: executions_expiring
-- Closed runs of a shard and namespace, the longest closed first. Partial: an open run pays nothing for it. The condition
-- says `> 1` where executions_closed says `<> 1`, so that a planner without statistics cannot take this index, which
-- holds all closed runs of a namespace in a row, for finding those of one workflow id.
CREATE INDEX IF NOT EXISTS executions_expiring
ON perdure.executions (shard_id, namespace, close_time_us, run_id)
WHERE status > 1;
