#!lua flags=allow-oom
-- Say that rows of this queue wait in the store, so that nobody overtakes them.
-- KEYS: meta

redis.call('HSET', KEYS[1], 'backlogged', '1')
return redis.call('HINCRBY', KEYS[1], 'backlog_version', 1)
