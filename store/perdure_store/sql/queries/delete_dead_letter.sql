-- Purpose: a dead letter has been dealt with.
-- Rows: at most one.
-- Locks: that row.
-- Index: dead_letters_letter.
-- Failure: none of its own.
DELETE FROM perdure.dead_letters
WHERE letter_id = %(letter_id)b::text::uuid
