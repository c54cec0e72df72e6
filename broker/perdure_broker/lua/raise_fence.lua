#!lua flags=allow-oom
-- Record the range by which each shard is owned; never lowers one.
-- KEYS: fences
-- ARGV: (shard, range) of each

for i = 1, #ARGV, 2 do
  local held = tonumber(redis.call('HGET', KEYS[1], ARGV[i]))
  if not held or held < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1
