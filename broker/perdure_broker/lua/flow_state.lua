#!lua flags=allow-oom
-- How a queue stands under its limits.
-- KEYS: stream, ids, meta, workers, info, rates, holds
-- ARGV: rate (millionths a second, 0: none), burst, concurrency (0: none), late (1 or 0)
-- Returns: undelivered, pending, out, slots, paused, backlogged, backlog_version, tokens (millionths), wait (us), holds,
--          window, finished a second (text)

-- include: queue
-- include: bucket

local stream, ids, meta, workers, info, rates, holds = unpack(KEYS)
local rate, burst, concurrency, late = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local now = now_us()
expire_workers(meta, workers, info, now_ms())
local undelivered, pending = depth(stream)
local flags = redis.call('HMGET', meta, 'paused', 'backlogged', 'backlog_version', 'slots', 'drain_start', 'drain_count',
  'drain_rate')
local out = redis.call('SCARD', ids)

redis.call('ZREMRANGEBYSCORE', holds, '-inf', now)
redis.call('ZREMRANGEBYSCORE', rates, '-inf', now - LATE_US)
local tokens, wait = 1e15, held_for(holds, 'q', now)
if rate > 0 then
  local _, has = bucket(rates, 'q', rate, burst, late, now)
  tokens = has * 1e6
  wait = math.max(wait, wait_of(has, 1, rate))
end
if wait > 0 then tokens = 0 end
local start, elapsed, finished = tonumber(flags[5]), 0, 0
if start then
  elapsed = math.max(0, now_ms() - start)
  finished = elapsed >= DRAIN_STALE_MS and (tonumber(flags[6]) or 0) * 1000 / elapsed
    or (tonumber(flags[7]) or 0) * 1000 / DRAIN_WINDOW_MS
end
return {
  undelivered or 0, pending or 0, out, math.max(0, tonumber(flags[4]) or 0), flags[1] and 1 or 0, flags[2] and 1 or 0,
  tonumber(flags[3]) or 0, math.floor(tokens), wait, redis.call('ZCARD', holds),
  window_size(flags[4], flags[5], flags[6], flags[7], now_ms()), string.format('%.3f', finished)
}
