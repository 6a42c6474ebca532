#!lua flags=allow-oom
-- include: turn, places
-- learn_bytes: so much was seen; the largest is kept.
-- given: release, what, bytes

local given = arguments()
local key = 'orch:bytes:' .. given.release
local known = tonumber(redis.call('HGET', key, given.what) or 0)
if tonumber(given.bytes) > known then redis.call('HSET', key, given.what, given.bytes) end
