#!lua
-- Publish tasks to one stream, as the owner of their shards, within the window.
-- KEYS: stream, ids, meta, workers, info, fences
-- ARGV: sticky (1 or 0), number of shards, (shard, range) of each, then (member, data) of each task
-- Returns: taken, free, backlogged, gone, full, created, stale shards, unproven shards
-- A shard whose fence is older than the publisher's range raises it; one without a fence must be proven from the store.

-- include: queue
-- include: claim

local stream, ids, meta, workers, info, fences = unpack(KEYS)
local sticky, shard_count = ARGV[1] == '1', tonumber(ARGV[2])

local shards = {}
for i = 1, shard_count do shards[i] = ARGV[1 + 2 * i] end
local held = redis.call('HMGET', fences, unpack(shards))
local stale, unproven, newer = {}, {}, {}
for i = 1, shard_count do
  local range = ARGV[2 + 2 * i]
  if not held[i] then
    table.insert(unproven, shards[i])
  elseif tonumber(held[i]) > tonumber(range) then
    table.insert(stale, shards[i])
  elseif held[i] ~= range then
    table.insert(newer, shards[i])
    table.insert(newer, range)
  end
end
if #stale > 0 or #unproven > 0 then
  return {0, 0, 0, 0, 0, 0, stale, unproven}
end
if #newer > 0 then redis.call('HSET', fences, unpack(newer)) end

local now = now_ms()
expire_workers(meta, workers, info, now)
local first = 3 + 2 * shard_count

if sticky then
  if redis.call('EXISTS', workers, stream) < 2 then
    local taken = claim_and_add(first, stream, ids, 0)
    return {taken, 0, 0, 1, 0, 0, {}, {}}
  end
  local claimed_before = redis.call('EXISTS', ids) == 1
  local taken, full = claim_and_add(first, stream, ids, math.huge)
  if not claimed_before then redis.call('PEXPIRE', ids, redis.call('PTTL', stream)) end
  return {taken, WINDOW_MAX, 0, 0, full and 1 or 0, 0, {}, {}}
end

local flags = redis.call('HMGET', meta, 'paused', 'backlogged', 'slots', 'drain_start', 'drain_count', 'drain_rate')
local undelivered, created = depth(stream), 0
if not undelivered then
  make_group(stream)
  undelivered, created = depth(stream), 1
end
local free = math.max(0, window_size(flags[3], flags[4], flags[5], flags[6], now) - undelivered)
local room = (flags[1] or flags[2]) and 0 or free
local length = redis.call('XLEN', stream)
local taken, full = claim_and_add(first, stream, ids, room)
free = math.max(0, free - (redis.call('XLEN', stream) - length))
return {taken, flags[1] and 0 or free, flags[2] and 1 or 0, 0, full and 1 or 0, created, {}, {}}
