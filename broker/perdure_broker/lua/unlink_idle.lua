#!lua flags=allow-oom
-- Unlink the keys of a stream that nobody uses, checking again that this is so. The lease that was set for the queue
-- stays; the fences go with the last stream of the queue.
-- KEYS: stream, ids, meta, workers, info, fences, announced, the queue's workflow stream, the queue's activity stream
-- Returns: 1 when unlinked, 0 when it is in use

-- include: queue

local stream, ids, meta, workers, info, fences, announced, workflow_stream, activity_stream = unpack(KEYS)
expire_workers(meta, workers, info, now_ms())
local undelivered, pending = depth(stream)
local flags = redis.call('HMGET', meta, 'paused', 'backlogged', 'lease')
if redis.call('EXISTS', workers, ids, announced) > 0 or flags[1] or flags[2]
  or redis.call('XLEN', stream) > 0 or (pending or 0) > 0 then
  return 0
end
redis.call('UNLINK', stream, meta, info)
if flags[3] then redis.call('HSET', meta, 'lease', flags[3]) end
if redis.call('EXISTS', workflow_stream, activity_stream) == 0 then redis.call('UNLINK', fences) end
return 1
