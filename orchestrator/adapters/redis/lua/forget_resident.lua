#!lua flags=allow-oom
-- include: turn, places, residency
-- forget_resident: the instance has not even its files.
-- given: instance, release

local given = arguments()
redis.call('HDEL', 'orch:residents:' .. given.instance, given.release)
publish(given.release)
