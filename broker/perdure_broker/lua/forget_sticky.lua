#!lua flags=allow-oom
-- Unlink the sticky stream of a worker that has gone; leaves it alone while the worker is announced.
-- KEYS: stream, ids, meta, workers, info
-- Returns: the data of the entries that it still held, or false when the worker is announced

-- include: queue

local stream, ids, meta, workers, info = unpack(KEYS)
expire_workers(meta, workers, info, now_ms())
if redis.call('EXISTS', workers) == 1 then return false end
local held = {}
for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do table.insert(held, entry[2][2]) end
redis.call('UNLINK', stream, ids, meta, workers, info)
return held
