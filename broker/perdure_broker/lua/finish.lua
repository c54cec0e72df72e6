#!lua flags=allow-oom
-- Ack and delete entries, give up their members, and count the drain. Runs when memory is full: it frees some.
-- KEYS: stream, ids, meta, keyed, counts
-- ARGV: measure (1 or 0), number of entries, their ids, then the members
-- Returns: how many entries were pending

-- include: keyed

local stream, ids, meta, keyed, counts = unpack(KEYS)
local entry_count = tonumber(ARGV[2])
local acked = 0
-- Lua's stack holds 8,000 values at most, so long lists go in slices.
for first = 3, entry_count + 2, 5000 do
  local last = math.min(first + 4999, entry_count + 2)
  acked = acked + redis.call('XACK', stream, 'g', unpack(ARGV, first, last))
  redis.call('XDEL', stream, unpack(ARGV, first, last))
end
for first = entry_count + 3, #ARGV, 5000 do
  redis.call('SREM', ids, unpack(ARGV, first, math.min(first + 4999, #ARGV)))
end
if redis.call('EXISTS', keyed) == 1 then
  for i = entry_count + 3, #ARGV do forget_key(keyed, counts, ARGV[i]) end
end

if acked > 0 and ARGV[1] == '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local drain = redis.call('HMGET', meta, 'drain_start', 'drain_count')
  local start, count = tonumber(drain[1]), (tonumber(drain[2]) or 0) + acked
  if start and now - start < 100 and now >= start then
    redis.call('HSET', meta, 'drain_count', count)
  else
    local rate = (start and now > start) and string.format('%.1f', count * 50 / (now - start)) or '0'
    redis.call('HSET', meta, 'drain_start', now, 'drain_count', 0, 'drain_rate', rate)
  end
end
return acked
