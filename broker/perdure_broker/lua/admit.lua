#!lua
-- Publish rows of the backlog as far as limits and holds allow, as the queue's dispatcher.
-- KEYS: stream, ids, meta, workers, info, rates, holds, keyed, counts
-- ARGV: term, room, then rate, burst, concurrency, late of the queue, then of each task: member, data, key, cost, and
--       rate, burst, concurrency, late of its key (rates in millionths a second; 0: no limit; late 1 or 0)
-- Returns: full, created, then of each task: 0 taken, -1 not reached, -2 as many of its key are out as may be, or how
--          long (us) its key has to wait, which holds for all of the key that follow; or false when a newer term holds the queue, or none (server emptied)

-- include: queue
-- include: bucket
-- include: keyed

local stream, ids, meta, workers, info, rates, holds, keyed, counts = unpack(KEYS)
local flags = redis.call('HMGET', meta, 'term', 'paused')
if flags[1] ~= ARGV[1] then return false end
local room = flags[2] and 0 or tonumber(ARGV[2])
local rate, burst, concurrency, late = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'

local created = 0
if not depth(stream) then
  make_group(stream)
  created = 1
end
local now = now_us()
local out = redis.call('SCARD', ids)
local full_at, tokens = 0, math.huge
if rate > 0 then full_at, tokens = bucket(rates, 'q', rate, burst, late, now) end
if held_for(holds, 'q', now) > 0 then room = 0 end

local reply = {0, created}
for i = 7, #ARGV, 8 do table.insert(reply, -1) end

local place, last_full, waiting = 2, now, {}
for i = 7, #ARGV, 8 do
  place = place + 1
  local member, data, key, cost = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  if redis.call('SISMEMBER', ids, member) == 1 then
    reply[place] = 0
  else
    if room <= 0 or (concurrency > 0 and out >= concurrency) then break end
    if rate > 0 and wait_of(tokens, math.min(cost, burst), rate) > 0 then break end
    local verdict, key_full_at = 0, nil
    local key_rate, key_burst = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
    if waiting[key] then
      verdict = waiting[key]
    elseif key ~= '' then
      verdict = held_for(holds, 'k' .. key, now)
      local key_concurrency = tonumber(ARGV[i + 6])
      if verdict == 0 and key_concurrency > 0
        and tonumber(redis.call('HGET', counts, key) or '0') >= key_concurrency then
        verdict = -2
      end
      if verdict == 0 and key_rate > 0 then
        local has
        key_full_at, has = bucket(rates, 'k' .. key, key_rate, key_burst, ARGV[i + 7] == '1', now)
        verdict = wait_of(has, math.min(cost, key_burst), key_rate)
      end
    end
    if verdict == 0 then
      local added = redis.pcall('XADD', stream, '*', 'd', data)
      if type(added) == 'table' and added.err then
        reply[1] = 1
        break
      end
      redis.call('SADD', ids, member)
      room, out = room - 1, out + 1
      if rate > 0 then
        full_at, tokens = full_at + cost * 1e12 / rate, tokens - cost
        last_full = math.max(last_full, full_at)
      end
      if key ~= '' then
        note_key(keyed, counts, member, key)
        if key_full_at then
          key_full_at = key_full_at + cost * 1e12 / key_rate
          last_full = math.max(last_full, key_full_at)
          redis.call('ZADD', rates, string.format('%.17g', key_full_at), 'k' .. key)
        end
      end
    end
    if verdict ~= 0 then waiting[key] = verdict end
    reply[place] = verdict
  end
end
if rate > 0 and last_full > now then redis.call('ZADD', rates, string.format('%.17g', full_at), 'q') end
if last_full > now then redis.call('PEXPIRE', rates, math.ceil((last_full - now) / 1000) + 3600000) end
return reply
