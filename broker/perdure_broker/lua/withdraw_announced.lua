#!lua flags=allow-oom
-- Give up leases that are held by name, of attempts that are over or whose worker is.
-- KEYS: announced
-- ARGV: worker, then members
-- Returns: how many it held

local given_up = 0
for i = 2, #ARGV do
  local holder = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^%d+ %d+ (.*)$')
  if holder == ARGV[1] then given_up = given_up + redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return given_up
