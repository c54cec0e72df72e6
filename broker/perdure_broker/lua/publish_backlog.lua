#!lua
-- Publish rows of the backlog within the window, as the queue's dispatcher.
-- KEYS: stream, ids, meta, workers, info
-- ARGV: term, then (member, data) of each task
-- Returns: taken, free, backlogged, full, created; or false when a newer term holds the queue, or none (server emptied)

-- include: queue
-- include: claim

local stream, ids, meta, workers, info = unpack(KEYS)
local now = now_ms()
expire_workers(meta, workers, info, now)
local flags = redis.call(
  'HMGET', meta, 'paused', 'backlogged', 'slots', 'drain_start', 'drain_count', 'drain_rate', 'term')
if flags[7] ~= ARGV[1] then return false end

local undelivered, created = depth(stream), 0
if not undelivered then
  make_group(stream)
  undelivered, created = depth(stream), 1
end
local free = math.max(0, window_size(flags[3], flags[4], flags[5], flags[6], now) - undelivered)
if flags[1] then free = 0 end
local length = redis.call('XLEN', stream)
local taken, full = claim_and_add(2, stream, ids, free)
free = math.max(0, free - (redis.call('XLEN', stream) - length))
return {taken, free, flags[2] and 1 or 0, full and 1 or 0, created}
