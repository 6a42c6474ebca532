#!lua flags=allow-oom
-- include: turn, places
-- take_duty: one holder of a duty at a time. In a full store as well: the duties are what makes room there.
-- given: duty, holder, ttl_ms

local given = arguments()
local key = 'orch:duty:' .. given.duty
local holder = redis.call('GET', key)
if holder and holder ~= given.holder then return 0 end
redis.call('SET', key, given.holder, 'PX', given.ttl_ms)
return 1
