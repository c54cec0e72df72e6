#!lua flags=allow-oom
-- Take at most `count` new entries from several streams in order, without waiting. For the case of fewer free slots
-- than streams: COUNT of XREADGROUP is per stream, so that one read over all of them could take too many.
-- KEYS: the streams
-- ARGV: worker, count
-- Returns: for each stream that had some (stream, entries); then for each stream the last id delivered of its group

-- include: queue

local left = tonumber(ARGV[2])
local found, last_ids = {}, {}
for i, stream in ipairs(KEYS) do
  if not depth(stream) then make_group(stream) end
  if left > 0 then
    local read = redis.call('XREADGROUP', 'GROUP', 'g', ARGV[1], 'COUNT', left, 'STREAMS', stream, '>')
    if read and read[1] then
      table.insert(found, read[1])
      left = left - #read[1][2]
    end
  end
  local group = redis.call('XINFO', 'GROUPS', stream)[1]
  for j = 1, #group, 2 do
    if group[j] == 'last-delivered-id' then last_ids[i] = group[j + 1] end
  end
end
return {found, last_ids}
