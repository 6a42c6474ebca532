#!lua flags=allow-oom
-- include: turn, places, residency
-- move_swap: a swap's next state, if the caller has seen the last one, with the weights that belong to it. In a full
-- store as well: that may be why somebody rolls back.
-- given: model, token (of the state that was seen, empty for none), next (token), body, is_over (1 or 0), line (of the log),
-- and weights (<release> <weight>, each with a space behind)
-- says: when the state began, or nothing if another has come between

local LINES = 1000
local now, given = clock_ms(), arguments()
local key = 'orch:swap:' .. given.model
local seen = redis.call('HMGET', key, 'token', 'since_ms')

-- The same token again is our own command repeated after a lost reply.
if seen[1] == given.next then return tonumber(seen[2]) end
if (seen[1] or '') ~= given.token then return false end

redis.call('HSET', key, 'token', given.next, 'since_ms', now, 'body', given.body, 'is_over', given.is_over)
redis.call(given.is_over == '1' and 'SREM' or 'SADD', 'orch:swapping', given.model)
redis.call('XADD', 'orch:swaps:' .. given.model, 'MAXLEN', '~', LINES, '*', 'line', given.line)

local weights = {}
for release, weight in string.gmatch(given.weights, '(%S+) (%d+) ') do weights[release] = weight end
set_route(given.model, weights)
return now
