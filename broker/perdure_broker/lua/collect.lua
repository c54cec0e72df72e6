#!lua flags=allow-oom
-- Forget announcements that expired and consumers that hold nothing and were idle for long. Deleting a consumer drops
-- what it holds, so both conditions are checked in the script that deletes. In an empty stream a claim has no entry; if
-- nobody holds it by name either, somebody deleted the entry by hand: the claim goes, so that the task is published again.
-- A key is counted for no longer than its claim lives, however that ended.
-- KEYS: stream, ids, meta, workers, info, announced, keyed, counts
-- ARGV: time to live of a consumer (ms)
-- Returns: how many consumers went, and 1 when nobody uses the stream any more

-- include: queue
-- include: keyed

local stream, ids, meta, workers, info, announced, keyed, counts = unpack(KEYS)
expire_workers(meta, workers, info, now_ms())
local undelivered, pending = depth(stream)
local gone = 0
if undelivered then
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, 'g')) do
    local told = {}
    for i = 1, #consumer, 2 do told[consumer[i]] = consumer[i + 1] end
    if told.pending == 0 and told.idle >= tonumber(ARGV[1]) then
      redis.call('XGROUP', 'DELCONSUMER', stream, 'g', told.name)
      gone = gone + 1
    end
  end
end
if redis.call('XLEN', stream) == 0 then
  for _, member in ipairs(redis.call('SMEMBERS', ids)) do
    if redis.call('HEXISTS', announced, member) == 0 then redis.call('SREM', ids, member) end
  end
end
for _, member in ipairs(redis.call('HKEYS', keyed)) do
  if redis.call('SISMEMBER', ids, member) == 0 then forget_key(keyed, counts, member) end
end
local flags = redis.call('HMGET', meta, 'paused', 'backlogged')
local used = redis.call('EXISTS', workers, ids, announced) > 0 or flags[1] or flags[2]
  or redis.call('XLEN', stream) > 0 or (pending or 0) > 0
  or (undelivered and #redis.call('XINFO', 'CONSUMERS', stream, 'g') > 0)
return {gone, used and 0 or 1}
