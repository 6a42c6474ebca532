#!lua flags=no-writes
-- include: turn, places, projects
-- tenant: a project with its keys and its webhooks, all that no task tells of. Changes nothing.
-- given: slug

local given = arguments()
local keys = {'orch:project:' .. given.slug, 'orch:endpoints:' .. given.slug, 'orch:signing:' .. given.slug}
for _, kind in ipairs({'key', 'webhook'}) do
  for _, id in ipairs(redis.call('SMEMBERS', 'orch:' .. kind .. 's:' .. given.slug)) do
    keys[#keys + 1] = 'orch:' .. kind .. ':' .. id
  end
end
table.sort(keys)

local found = {}
for _, key in ipairs(keys) do
  local flat = redis.call('HGETALL', key)
  if flat[1] then found[#found + 1] = {key, flat, redis.call('PEXPIRETIME', key)} end
end
return found
