-- Purpose: say that an engine lives, by raising its counter, and which schema it was made for.
-- Rows: one.
-- Locks: that row; each engine writes its own.
-- Index: engine_nodes primary key.
-- Failure: none of its own.
INSERT INTO perdure.engine_nodes AS n (node, address, beats, touched, schema_version)
VALUES (%(node)b::text, %(address)b::text, 1, clock_timestamp(), %(schema_version)b::int8)
ON CONFLICT (node) DO UPDATE
SET beats = n.beats + 1,
    address = excluded.address,
    touched = excluded.touched,
    schema_version = excluded.schema_version
