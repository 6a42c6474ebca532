#!lua flags=no-writes
-- include: turn, places, webhooks
-- list_webhooks: the time, and the id and the hash of every endpoint of a project.
-- given: project

local now, given = clock_ms(), arguments()
local found = {}
for i, id in ipairs(redis.call('SMEMBERS', 'orch:webhooks:' .. given.project)) do
  found[i] = {id, redis.call('HGETALL', webhook_key(id))}
end
return {now, found}
