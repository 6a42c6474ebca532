#!lua
-- include: turn, places, projects
-- restore_tenant: a project with its keys and webhooks, as tenant.lua told of them. What is there stays as it is.
-- given: slug, hashes (JSON, fields by key), ends_at_ms (JSON, by key)

local now, given = clock_ms(), arguments()
local hashes, ends_at_ms = cjson.decode(given.hashes), cjson.decode(given.ends_at_ms)
for key, fields in pairs(hashes) do
  for name, value in pairs(fields) do redis.call('HSETNX', key, name, value) end
  if ends_at_ms[key] then redis.call('PEXPIREAT', key, ends_at_ms[key]) end
  local kind, id = string.match(key, '^orch:(%a+):(%a+_.*)$')
  if kind == 'key' or kind == 'webhook' then redis.call('SADD', 'orch:' .. kind .. 's:' .. given.slug, id) end
end
register_project(given.slug, now)
list_pin(given.slug, redis.call('HGET', 'orch:project:' .. given.slug, 'pool') or '')
