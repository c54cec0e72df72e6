#!lua flags=allow-oom
-- Give up leases that are held by name, of attempts that are over or whose worker is; and the claims of those that are
-- over, which were perhaps made after the engine had given them up.
-- KEYS: ids, announced, keyed, counts
-- ARGV: over (1 or 0), worker, then members
-- Returns: how many it held

-- include: keyed

local ids, announced, keyed, counts = unpack(KEYS)
local given_up = 0
for i = 3, #ARGV do
  local holder = string.match(redis.call('HGET', announced, ARGV[i]) or '', '^%d+ %d+ (.*)$')
  if holder == ARGV[2] then
    given_up = given_up + redis.call('HDEL', announced, ARGV[i])
    if ARGV[1] == '1' then
      redis.call('SREM', ids, ARGV[i])
      forget_key(keyed, counts, ARGV[i])
    end
  end
end
return given_up
