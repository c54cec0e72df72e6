#!lua flags=allow-oom
-- Renew leases that are held by name.
-- KEYS: announced
-- ARGV: worker, then members
-- Returns: the members that this worker does not hold

-- include: queue

local worker, now = ARGV[1], now_ms()
local lost = {}
for i = 2, #ARGV do
  local shard, holder = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^%d+ (%d+) (.*)$')
  if holder == worker then
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%d %s %s', now, shard, worker))
  else
    table.insert(lost, ARGV[i])
  end
end
return lost
