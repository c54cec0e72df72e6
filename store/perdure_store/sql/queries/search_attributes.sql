-- Purpose: the types of a namespace's search attributes.
-- Rows: one an attribute.
-- Locks: none.
-- Index: search_attributes primary key.
-- Failure: none of its own.
SELECT a.name, a.type
FROM perdure.search_attributes AS a
WHERE a.namespace = %(namespace)b::text
ORDER BY a.name
