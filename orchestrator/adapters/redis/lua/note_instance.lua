#!lua flags=allow-oom
-- include: turn, places, residency
-- note_instance: the instance is as its owner says.
-- given: instance, and its fields

local now, given = clock_ms(), arguments()
local instance, key = given.instance, 'orch:instance:' .. given.instance
given.instance, given.seen_ms = nil, now
local was_known, was_well = redis.call('SADD', 'orch:instances', instance) == 0, is_well(instance)
for name, value in pairs(given) do redis.call('HSET', key, name, value) end
if not was_known then publish_routed() end
if not was_known or was_well ~= is_well(instance) then publish_residents(instance) end
