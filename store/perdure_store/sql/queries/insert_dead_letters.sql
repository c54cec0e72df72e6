-- Purpose: set aside what could not be carried out, in the commit that passes it.
-- Rows: one a letter.
-- Locks: none that another owner waits for.
-- Index: all three of dead_letters.
-- Failure: 23505 when the letter exists.
INSERT INTO perdure.dead_letters (shard_id, letter_id, created_us, source, reason, data)
SELECT x.shard_id, x.letter_id::uuid, x.created_us, x.source, x.reason, x.data
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[], %b::bytea[]
) AS x (shard_id, letter_id, created_us, source, reason, data)
