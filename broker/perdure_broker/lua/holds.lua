#!lua flags=allow-oom
-- What is held.
-- KEYS: holds
-- Returns: name, time that is left (us) of each

-- include: bucket

local now, found = now_us(), {}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  table.insert(found, all[i])
  table.insert(found, math.ceil(tonumber(all[i + 1]) - now))
end
return found
