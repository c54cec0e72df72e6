#!lua flags=allow-oom
-- Record a poller until its announcement expires; make the stream and its group. Runs when memory is full, because a
-- worker that drops off the list looks lost; the memory it takes is bounded by the workers.
-- KEYS: stream, ids, meta, workers, info
-- ARGV: worker, identity, slots, time to live (ms), life of a sticky stream's keys (ms, 0 for other streams)
-- Returns: the lease (ms) as text, or false when none was set

-- include: queue

local stream, ids, meta, workers, info = unpack(KEYS)
local worker, identity, slots, ttl, life = unpack(ARGV)
local now = now_ms()
if not depth(stream) then make_group(stream) end
remove_worker(worker, meta, workers, info)
expire_workers(meta, workers, info, now)
redis.call('ZADD', workers, now + ttl, worker)
redis.call('HSET', info, worker, string.format('%d %d ', slots, now) .. identity)
redis.call('HINCRBY', meta, 'slots', slots)
if life ~= '0' then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
end
return redis.call('HGET', meta, 'lease')
