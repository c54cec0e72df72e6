-- Purpose: say that an engine lives, by raising its counter.
-- Rows: one.
-- Locks: that row; each engine writes its own.
-- Index: engine_nodes primary key.
-- Failure: none of its own.
INSERT INTO perdure.engine_nodes AS n (node, address, beats, touched)
VALUES (%(node)b::text, %(address)b::text, 1, clock_timestamp())
ON CONFLICT (node) DO UPDATE
SET beats = n.beats + 1,
    address = excluded.address,
    touched = excluded.touched
