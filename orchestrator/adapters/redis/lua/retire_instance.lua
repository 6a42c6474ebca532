#!lua flags=allow-oom
-- include: turn, places, residency
-- retire_instance: it has no owner any more, and nothing is asked of it.
-- given: instance

local given = arguments()
local residents = redis.call('HKEYS', 'orch:residents:' .. given.instance)
redis.call('SREM', 'orch:instances', given.instance)
redis.call('DEL', 'orch:instance:' .. given.instance, 'orch:residents:' .. given.instance)
for _, release in ipairs(residents) do publish(release) end
publish_routed()
