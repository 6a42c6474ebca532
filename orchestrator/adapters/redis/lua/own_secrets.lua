#!lua flags=allow-oom
-- include: turn, places, webhooks
-- own_secrets: what signs for the webhooks that a project's tasks name, from now on `otherwise` if nothing did yet.
-- In a full store as well: what is accepted is told, too.
-- given: project, otherwise

local now, given = clock_ms(), arguments()
local key = 'orch:signing:' .. given.project
redis.call('HSETNX', key, 'secret', given.otherwise)
return {now, redis.call('HGETALL', key)}
