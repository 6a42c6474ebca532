#!lua
-- include: turn, places, projects
-- touch_key: the key is in use, to the minute. Not worth a byte in a full store.
-- given: id, every_ms

local now, given = clock_ms(), arguments()
local key = 'orch:key:' .. given.id
local last_ms = redis.call('HGET', key, 'last_used_ms')
local is_due = not last_ms or now - last_ms >= tonumber(given.every_ms)
if is_due and redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'last_used_ms', now) end
