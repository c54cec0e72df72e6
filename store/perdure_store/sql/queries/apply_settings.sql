-- Purpose: set what a connection wants, as far as the server knows the setting.
-- Rows: one a setting that exists.
-- Locks: none.
-- Index: none.
-- Failure: 22023 when a value is not allowed.
SELECT set_config(s.name, x.value, FALSE)
FROM unnest(%(names)b::text[], %(values)b::text[]) AS x (name, value)
INNER JOIN pg_settings AS s ON s.name = x.name
