-- Shared by scripts that count the tasks of each fairness key that are out.

local function note_key(keyed, counts, member, key)
  if redis.call('HSETNX', keyed, member, key) == 1 then redis.call('HINCRBY', counts, key, 1) end
end

local function forget_key(keyed, counts, member)
  local key = redis.call('HGET', keyed, member)
  if not key then return end
  redis.call('HDEL', keyed, member)
  if redis.call('HINCRBY', counts, key, -1) <= 0 then redis.call('HDEL', counts, key) end
end
