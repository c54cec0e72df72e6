#!lua flags=allow-oom
-- Say which attempts a worker runs, after the server lost data. An entry that is still this worker's keeps its lease. Of
-- the others the member is claimed, so that nobody publishes it, and the lease is held by name from now on; an entry
-- that would be delivered again is taken back. The first one to announce an attempt holds it.
-- Runs when memory is full: a worker that cannot announce looks lost; the memory it takes is bounded by slots.
-- KEYS: stream, ids, announced, keyed, counts
-- ARGV: worker, then (entry id, SHA-1 of its data, member, shard, fairness key or nothing) of each attempt
-- Returns: the members that are held by name

-- include: queue
-- include: keyed

local stream, ids, announced, keyed, counts = unpack(KEYS)
local worker, now = ARGV[1], now_ms()
local has_group = depth(stream) ~= nil
local by_name = {}
for i = 2, #ARGV, 5 do
  local id, digest, member, shard, key = unpack(ARGV, i, i + 4)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  local is_held = false
  -- Ids can go back: another task's entry may have this id by now.
  if entry and redis.sha1hex(entry[2][2]) == digest then
    local pending = has_group and redis.call('XPENDING', stream, 'g', id, id, 1)[1]
    if not pending then
      redis.call('XDEL', stream, id)
    elseif pending[2] == worker then
      redis.call('XCLAIM', stream, 'g', worker, 0, id, 'JUSTID')
      is_held = true
    end
  end
  redis.call('SADD', ids, member)
  if key ~= '' then note_key(keyed, counts, member, key) end
  if not is_held then
    local holder = string.match(redis.call('HGET', announced, member) or '', '^%d+ %d+ (.*)$')
    if not holder or holder == worker then
      redis.call('HSET', announced, member, string.format('%d %s %s', now, shard, worker))
      table.insert(by_name, member)
    end
  end
end
return by_name
