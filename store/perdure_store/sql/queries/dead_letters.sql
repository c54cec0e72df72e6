-- Purpose: a page of dead letters, newest first.
-- Rows: at most `limit`, by time and id, descending, below `(before_us, before_id)`.
-- Locks: none.
-- Index: dead_letters_created, backwards.
-- Failure: none of its own.
SELECT shard_id, letter_id::text, created_us, source, reason, data
FROM perdure.dead_letters AS d
WHERE (created_us, letter_id) < (%(before_us)b::int8, %(before_id)b::text::uuid)
ORDER BY d.created_us DESC, d.letter_id DESC
LIMIT %(limit)b::int8
