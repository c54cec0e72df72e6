#!lua flags=allow-oom
-- Take a worker off the list, and its consumer off the group if that holds nothing.
-- KEYS: stream, meta, workers, info
-- ARGV: worker

-- include: queue

local stream, meta, workers, info = unpack(KEYS)
remove_worker(ARGV[1], meta, workers, info)
if depth(stream) and #redis.call('XPENDING', stream, 'g', '-', '+', 1, ARGV[1]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, 'g', ARGV[1])
end
return 1
