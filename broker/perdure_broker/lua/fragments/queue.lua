-- Shared by scripts on one task stream: the server's clock, announced workers, depth, and the window.
-- Hash `meta`: paused, backlogged, backlog_version, lease, term, node, slots (sum over announced workers), and the
-- measured drain: drain_start (ms), drain_count (finished since then), drain_rate (finished in 50 ms, last period).

local WINDOW_MIN, WINDOW_MAX = 16, 10000
local DRAIN_WINDOW_MS = 50
local DRAIN_STALE_MS = 200

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function remove_worker(worker, meta, workers, info)
  local told = redis.call('HGET', info, worker)
  if told then
    redis.call('HINCRBY', meta, 'slots', -(tonumber(string.match(told, '^%d+')) or 0))
    redis.call('HDEL', info, worker)
  end
  redis.call('ZREM', workers, worker)
end

local function expire_workers(meta, workers, info, now)
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', now, 'LIMIT', 0, 1000)) do
    remove_worker(worker, meta, workers, info)
  end
end

-- Undelivered and pending entries, or nothing when the stream or its group is missing.
local function depth(stream)
  if redis.call('EXISTS', stream) == 0 then return end
  local group = redis.call('XINFO', 'GROUPS', stream)[1]
  if not group then return end
  for i = 1, #group, 2 do
    if group[i] == 'pending' then
      return redis.call('XLEN', stream) - group[i + 1], group[i + 1]
    end
  end
end

local function make_group(stream)
  redis.call('XGROUP', 'CREATE', stream, 'g', '0', 'MKSTREAM')
end

local function window_size(slots, start, count, rate, now)
  slots, start, count, rate = tonumber(slots) or 0, tonumber(start) or now, tonumber(count) or 0, tonumber(rate) or 0
  local elapsed = math.max(now - start, 0)
  local drain = count * DRAIN_WINDOW_MS / math.max(elapsed, DRAIN_WINDOW_MS)
  if elapsed < DRAIN_STALE_MS then drain = math.max(drain, rate) end
  return math.min(WINDOW_MAX, math.max(WINDOW_MIN, 2 * slots, math.ceil(drain)))
end
