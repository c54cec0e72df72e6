#!lua flags=allow-oom
-- Make a sender's reply stream exist, empty at first, for another while.
-- KEYS: reply stream
-- ARGV: time to live (ms)
-- Returns: 1 when it had to be made, 0 when it existed

local made = redis.call('EXISTS', KEYS[1]) == 0
if made then
  -- A group is the one way to make a stream without an entry; it is not used.
  redis.call('XGROUP', 'CREATE', KEYS[1], 'g', '$', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[1], 'g')
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return made and 1 or 0
