#!lua flags=allow-oom
-- Become the dispatcher of a queue, or go on as the one that this term says. Terms follow the server's clock and its
-- last term, never an engine's clock: one that is ahead would keep the queue from all others after its end. A term is
-- never given twice, not even after the server was emptied.
-- KEYS: meta
-- ARGV: node, the term that the caller has (0: none)
-- Returns: the caller's term

local held = redis.call('HGET', KEYS[1], 'term')
if held and held == ARGV[2] then return tonumber(held) end
local time = redis.call('TIME')
local term = string.format('%.0f', math.max((tonumber(held) or 0) + 1, time[1] * 1000000 + time[2]))
redis.call('HSET', KEYS[1], 'term', term, 'node', ARGV[1])
return tonumber(term)
