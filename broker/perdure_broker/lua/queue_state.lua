#!lua flags=allow-oom
-- What matching and `describe` see of one stream.
-- KEYS: stream, meta, workers, info, holds
-- Returns: undelivered, pending, window, backlogged, backlog_version, paused, lease, now (ms),
--          a flat list of worker, its info ("slots time identity"), and 1 when something is held

-- include: queue

local stream, meta, workers, info, holds = unpack(KEYS)
local now = now_ms()
expire_workers(meta, workers, info, now)
local undelivered, pending = depth(stream)
local flags = redis.call('HMGET', meta, 'paused', 'backlogged', 'slots', 'drain_start', 'drain_count', 'drain_rate',
  'backlog_version', 'lease')
local window = window_size(flags[3], flags[4], flags[5], flags[6], now)
return {
  undelivered or 0, pending or 0, window, flags[2] and 1 or 0, tonumber(flags[7]) or 0, flags[1] and 1 or 0,
  tonumber(flags[8]) or 0, now, redis.call('HGETALL', info),
  redis.call('ZCOUNT', holds, now * 1000, '+inf') > 0 and 1 or 0
}
