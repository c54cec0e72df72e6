#!lua flags=allow-oom
-- Leases that are held by name and have not been renewed for some time.
-- KEYS: announced
-- ARGV: idle time at least (ms)
-- Returns: member, shard, worker, idle time (ms) of each

-- include: queue

local now, found = now_ms(), {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local since, shard, worker = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
  local idle = math.max(0, now - tonumber(since))
  if idle >= tonumber(ARGV[1]) then
    for _, value in ipairs({all[i], shard, worker, idle}) do table.insert(found, value) end
  end
end
return found
