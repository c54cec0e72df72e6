-- Purpose: wait for the commit before, where two are under way, so that the fence after this statement sees its effect.
-- Rows: one a shard of the batch.
-- Locks: those shard rows, in order, until the commit ends.
-- Index: shards primary key.
-- Failure: none of its own. An optimisation: without it the fence of the later commit fails, and it is sent again.
SELECT s.shard_id
FROM perdure.shards AS s
WHERE s.shard_id = ANY(%b::int8[])
ORDER BY s.shard_id
FOR UPDATE
