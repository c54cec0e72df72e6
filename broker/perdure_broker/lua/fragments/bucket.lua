-- Shared by scripts about rates and holds. A bucket is the time (us) at which it is full again; one that is full, or
-- was touched last by nobody who waits, is not kept.

local LATE_US = 150000

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- When the bucket would be full, and what it has: who has been waiting finds what came since, up to LATE_US.
local function bucket(rates, name, rate, burst, late, now)
  local full_at = tonumber(redis.call('ZSCORE', rates, name) or '0')
  full_at = math.max(full_at, late and now - LATE_US or now)
  return full_at, burst - (full_at - now) * rate / 1e12
end

-- How long (us) until it has `need` tokens; 0: it has.
local function wait_of(tokens, need, rate)
  if tokens >= need - 1e-6 then return 0 end
  return math.ceil((need - tokens) * 1e12 / rate)
end

local function held_for(holds, name, now)
  local ends_at = tonumber(redis.call('ZSCORE', holds, name) or '0')
  return ends_at > now and math.ceil(ends_at - now) or 0
end
