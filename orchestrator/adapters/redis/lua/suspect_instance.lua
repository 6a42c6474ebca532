#!lua flags=allow-oom
-- include: turn, places, residency
-- suspect_instance: who watches finds it ill, or well again when there is no reason.
-- given: instance, reason

local given = arguments()
if redis.call('SISMEMBER', 'orch:instances', given.instance) == 0 then return end
local was_well = is_well(given.instance)
redis.call('HSET', 'orch:instance:' .. given.instance, 'suspicion', given.reason)
if was_well ~= is_well(given.instance) then publish_residents(given.instance) end
