#!lua flags=allow-oom
-- The name of this life of the server's data, given when it has none. Runs when memory is full: engines ask before they
-- finish anything.
-- KEYS: epoch
-- ARGV: a new name
-- Returns: the name

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
