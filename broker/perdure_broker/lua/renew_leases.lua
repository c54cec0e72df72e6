#!lua flags=allow-oom
-- Reset the idle time of entries that are still this worker's. The server does not fence XCLAIM: without the look
-- before it, a worker that woke up late would take back what was given to another.
-- KEYS: stream
-- ARGV: worker, then entry ids
-- Returns: the ids that are no longer this worker's

local exists = redis.call('EXISTS', KEYS[1]) == 1 and #redis.call('XINFO', 'GROUPS', KEYS[1]) == 1
local mine, lost = {}, {}
for i = 2, #ARGV do
  local is_mine = exists and #redis.call('XPENDING', KEYS[1], 'g', ARGV[i], ARGV[i], 1, ARGV[1]) == 1
  table.insert(is_mine and mine or lost, ARGV[i])
end
if #mine > 0 then
  -- JUSTID: no payload comes back, and the delivery count stays.
  local kept = {}
  for first = 1, #mine, 5000 do
    local last = math.min(first + 4999, #mine)
    local slice = {unpack(mine, first, last)}
    table.insert(slice, 'JUSTID')
    for _, id in ipairs(redis.call('XCLAIM', KEYS[1], 'g', ARGV[1], 0, unpack(slice))) do kept[id] = true end
  end
  for _, id in ipairs(mine) do
    if not kept[id] then table.insert(lost, id) end
  end
end
return lost
