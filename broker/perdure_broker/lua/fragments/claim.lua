-- Shared by the publishing scripts: claim and add `(member, data)` pairs from ARGV[first] on, while there is room.
-- A member that is claimed already counts as taken and is not added again, which makes publishing safe to repeat.
-- Returns how many were taken, from the first on, and true when the server had no memory for the next one.
local function claim_and_add(first, stream, ids, room)
  local taken = 0
  for i = first, #ARGV, 2 do
    if room <= 0 then
      if redis.call('SISMEMBER', ids, ARGV[i]) == 0 then break end
    elseif redis.call('SADD', ids, ARGV[i]) == 1 then
      local added = redis.pcall('XADD', stream, '*', 'd', ARGV[i + 1])
      if type(added) == 'table' and added.err then
        redis.call('SREM', ids, ARGV[i])
        return taken, true
      end
      room = room - 1
    end
    taken = taken + 1
  end
  return taken, false
end
