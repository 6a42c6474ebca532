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
  local recorded = redis.call('HMGET', 'orch:task:' .. id, 'outputs', 'result')
  found[i] = {id, recorded[1] or '', pointer_in(recorded[2]) or ''}
end
return found
