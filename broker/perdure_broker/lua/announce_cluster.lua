#!lua flags=allow-oom
-- Say what senders must know of the cluster. Runs when memory is full: an engine that cannot start finishes nothing, and
-- finished work is what frees memory.
-- KEYS: cluster
-- ARGV: (field, value) of each

return redis.call('HSET', KEYS[1], unpack(ARGV))
