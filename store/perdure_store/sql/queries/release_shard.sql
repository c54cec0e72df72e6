-- Purpose: let a shard go, so that another engine may take it without waiting for this one to die.
-- Rows: one, or none when another engine holds it by now.
-- Locks: the shard row.
-- Index: shards primary key.
-- Failure: none.
UPDATE perdure.shards
SET owner = ''
WHERE shard_id = %(shard_id)b::int8 AND range_id = %(range_id)b::int8
