#!lua flags=allow-oom
-- include: turn, places
-- crowd_instance: a run has found that memory does not suffice there for its release.
-- given: instance, release

local given = arguments()
if redis.call('SISMEMBER', 'orch:instances', given.instance) == 1 then
  redis.call('HSET', 'orch:instance:' .. given.instance, 'crowded_by', given.release)
end
