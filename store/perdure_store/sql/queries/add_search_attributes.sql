-- Purpose: give types to search attributes that have none.
-- Rows: one an attribute that is new.
-- Locks: those rows.
-- Index: search_attributes primary key.
-- Failure: 23514 when there is no such type.
INSERT INTO perdure.search_attributes (namespace, name, type)
SELECT %(namespace)b::text, x.name, x.type
FROM unnest(%(names)b::text[], %(types)b::int8[]) AS x (name, type)
ON CONFLICT (namespace, name) DO NOTHING
