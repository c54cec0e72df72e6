#!lua flags=allow-oom
-- Count tasks for their keys that were published when nobody counted.
-- KEYS: ids, keyed, counts
-- ARGV: (member, key) of each

-- include: keyed

for i = 1, #ARGV, 2 do
  if redis.call('SISMEMBER', KEYS[1], ARGV[i]) == 1 then note_key(KEYS[2], KEYS[3], ARGV[i], ARGV[i + 1]) end
end
return 1
