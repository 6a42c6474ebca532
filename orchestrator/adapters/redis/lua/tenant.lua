#!lua flags=no-writes
-- include: turn, places, projects
-- tenant: a project with its keys and its destinations, all that no other record tells of. Changes nothing.
-- given: slug

local given = arguments()
local keys = {'orch:project:' .. given.slug, 'orch:endpoints:' .. given.slug}
for _, id in ipairs(redis.call('SMEMBERS', 'orch:keys:' .. given.slug)) do keys[#keys + 1] = 'orch:key:' .. id end
table.sort(keys)

local found = {}
for _, key in ipairs(keys) do
  local flat = redis.call('HGETALL', key)
  if flat[1] then found[#found + 1] = {key, flat, redis.call('PEXPIRETIME', key)} end
end
return found
