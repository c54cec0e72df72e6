-- Purpose: forget a namespace, and the types of its search attributes.
-- Rows: one, or none; one an attribute.
-- Locks: those rows.
-- Index: namespaces primary key; search_attributes primary key.
-- Failure: none of its own.
WITH attributes AS (
    DELETE FROM perdure.search_attributes
    WHERE namespace = %(namespace)b::text
)
DELETE FROM perdure.namespaces
WHERE namespace = %(namespace)b::text
