-- Purpose: the namespaces with closed executions of activities on a shard, one after the other.
-- Rows: at most one, the first above `after`.
-- Locks: none.
-- Index: activity_executions_closed, its first entry of that shard and namespace.
-- Failure: none of its own.
SELECT e.namespace
FROM perdure.activity_executions AS e
WHERE e.shard_id = %(shard_id)b::int8
    AND e.status > 1
    AND e.namespace > %(after)b::text
ORDER BY e.namespace
LIMIT 1
