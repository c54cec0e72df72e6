#!lua flags=allow-oom
-- Add reply rows although memory is full: a reply is what lets a sender stop sending again, and its stream expires.
-- KEYS: reply stream
-- ARGV: rows

local fields = {}
for _, row in ipairs(ARGV) do
  table.insert(fields, 'd')
  table.insert(fields, row)
end
return redis.call('XADD', KEYS[1], 'NOMKSTREAM', '*', unpack(fields))
