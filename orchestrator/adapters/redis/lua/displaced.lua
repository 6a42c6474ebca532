#!lua flags=no-writes
-- include: turn, places
-- displaced: tasks with files in the fallback store that are to be moved back now. Changes nothing.
-- given: limit
--
--   orch:displaced  zset  ids by when to move them; end_task enters them (places.lua)
--   orch:left_over  zset  keys in the fallback store by when to remove them

local now, given = clock_ms(), arguments()
local found = {}
for i, id in ipairs(redis.call('ZRANGE', 'orch:displaced', '-inf', now, 'BYSCORE', 'LIMIT', 0, given.limit)) do
  found[i] = {id, redis.call('HGET', 'orch:task:' .. id, 'outputs') or ''}
end
return found
