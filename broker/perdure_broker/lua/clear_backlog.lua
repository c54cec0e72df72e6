#!lua flags=allow-oom
-- Let direct publishing resume, if no mark came since the version was read.
-- KEYS: meta
-- ARGV: version
-- Returns: 1 when there is no mark any more, 0 when the version is another

if (redis.call('HGET', KEYS[1], 'backlog_version') or '0') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'backlogged')
return 1
