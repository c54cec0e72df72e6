#!lua flags=allow-oom
-- Put task streams on the list of known ones. Runs when memory is full: a stream off the list is looked after by nobody.
-- KEYS: list of streams
-- ARGV: keys of task streams

return redis.call('SADD', KEYS[1], unpack(ARGV))
