#!lua flags=allow-oom
-- Become the dispatcher of a queue by a term higher than the last one's; repeating one's own term is a yes.
-- KEYS: meta
-- ARGV: node, term
-- Returns: 1 when the caller holds the queue, 0 when a newer term does

local held = redis.call('HMGET', KEYS[1], 'term', 'node')
local term = tonumber(held[1]) or -1
if term > tonumber(ARGV[2]) or (term == tonumber(ARGV[2]) and held[2] ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'term', ARGV[2], 'node', ARGV[1])
return 1
