#!lua flags=allow-oom
-- Make the group of a stream at 0, so that it sees what was added before; and the stream if it is missing.
-- KEYS: stream
-- ARGV: life of the stream if it was missing (ms, 0 for ever)

-- include: queue

if depth(KEYS[1]) then return 0 end
local missing = redis.call('EXISTS', KEYS[1]) == 0
make_group(KEYS[1])
if missing and ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
