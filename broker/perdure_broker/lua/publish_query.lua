#!lua
-- Add an entry that is no task of the store: no claim, no window.
-- KEYS: stream, meta, workers, info
-- ARGV: sticky (1 or 0), data
-- Returns: 1, or 0 when it is a sticky stream whose worker is not announced

-- include: queue

local stream, meta, workers, info = unpack(KEYS)
if ARGV[1] == '1' then
  expire_workers(meta, workers, info, now_ms())
  if redis.call('EXISTS', workers, stream) < 2 then return 0 end
elseif not depth(stream) then
  make_group(stream)
end
redis.call('XADD', stream, '*', 'd', ARGV[2])
return 1
