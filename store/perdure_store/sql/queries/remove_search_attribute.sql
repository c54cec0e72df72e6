-- Purpose: forget the type of a search attribute.
-- Rows: one, or none.
-- Locks: that row.
-- Index: search_attributes primary key.
-- Failure: none of its own.
DELETE FROM perdure.search_attributes
WHERE namespace = %(namespace)b::text
    AND name = %(name)b::text
