#!lua flags=no-writes
-- include: turn, places, projects
-- list_keys: the time, and the id and the hash of every key of a project.
-- given: project

local now, given = clock_ms(), arguments()
if not project_exists(given.project) then return {'unknown'} end
local keys = {}
for _, id in ipairs(redis.call('SMEMBERS', 'orch:keys:' .. given.project)) do
  local hash = redis.call('HGETALL', 'orch:key:' .. id)
  if #hash > 0 then keys[#keys + 1] = {id, hash} end
end
return {'found', now, keys}
