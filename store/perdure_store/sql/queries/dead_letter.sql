-- Purpose: one dead letter.
-- Rows: at most one.
-- Locks: none.
-- Index: dead_letters_letter.
-- Failure: none of its own.
SELECT shard_id, letter_id::text, created_us, source, reason, data
FROM perdure.dead_letters
WHERE letter_id = %(letter_id)b::text::uuid
