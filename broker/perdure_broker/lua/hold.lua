#!lua flags=allow-oom
-- Publish nothing of a key, or nothing at all, for a while; what is held for longer already stays so. The queue counts as
-- backlogged, so that nobody publishes past its dispatcher.
-- KEYS: holds, meta
-- ARGV: name (q, or k and the key), time (us)

-- include: bucket

redis.call('ZADD', KEYS[1], 'GT', string.format('%.17g', now_us() + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 90000000)
redis.call('HSET', KEYS[2], 'backlogged', '1')
return redis.call('HINCRBY', KEYS[2], 'backlog_version', 1)
